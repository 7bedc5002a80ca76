"""The section about the mount: a table for each group of rows, with each contender's ratio to ext4."""

from lib.report import disturbance, duration, megabytes, note, rate, seconds, table, verdict


def section(all_):
    """The whole section; `all_` are the served trees."""
    contenders, absent = all_[0].contenders, all_[0].absent
    text = (
        "## The mount\n\n"
        "The same tree, served by each contender from the same measured disk, which is made anew for each tree. A small "
        "C program (`tests/bench/lib/probe.c`) runs the operations of the rows below the tree's folder, timed from the "
        "moment when its clients are released until the last of them has finished. *Warm* is the second time in a row. "
        "*Cold* is after the mount was made anew and the kernel's caches were dropped; ext4 was not mounted anew, "
        "since it holds everything else, and Stele's daemon kept its own caches. Two clients begin the same list "
        "at different ends. *(…)* is the ratio to ext4.\n\n"
    )
    text += "".join(f"- {one.title}: {one.note}.\n" for one in contenders)
    text += "".join(f"- {one.title}: not measured, {one.absence}.\n" for one in absent)
    for served in all_:
        text += f"\n### {served.title}\n\n" + making(served) + "\n" + note(f"mount-{served.key}")
        for group in served.groups:
            text += "\n" + rows(served, group) + "\n" + bars(group) + note(f"mount-{group.key}")
        text += "".join(f"\n{remark}\n" for remark in served.remarks)
    if any(group.memory for served in all_ for group in served.groups):
        text += "\n### The daemon\n\n" + daemon(all_) + "\n" + note("mount-daemon")
    return text


def making(served):
    """The work before anything can be read."""
    lines = []
    for one in served.contenders:
        took, on_disk = served.made[one.key]
        mounted = duration(min(one.mount_seconds)) if one.mount_seconds else "–"
        lines.append([one.title, seconds(took), megabytes(on_disk), mounted])
    return table(["", "made and synced, s", "MB on disk", "mounted in, at best"], lines)


def figure(row, value):
    return seconds(value) if row.unit == "s" else rate(value)


def rows(served, group):
    """One line per row. Without Stele there is neither a median nor a daemon to report."""
    stele = any(one.key == "stele" for one in served.contenders)
    lines = []
    for row in group.rows:
        floor = group.of(row, served.contenders[0])
        line = [f"{row.title}, {row.unit}"]
        for one in served.contenders:
            best = row.best(group.of(row, one))
            ratio = "" if one is served.contenders[0] else f" ({best / row.best(floor):.2f})"
            line.append(figure(row, best) + ratio)
        if stele:
            mine = group.passes[row.key, "stele"]
            median, other = row.median(mine), row.median(floor)
            line.append(f"{figure(row, other)}, {figure(row, median)} ({median / other:.2f})")
            line.append(f"{min(mine, key=lambda one: one.seconds).daemon_seconds:.2f}")
        lines.append(line)
    head = [group.title] + [one.title for one in served.contenders]
    return table(head + (["medians: ext4, Stele", "daemon, processor s"] if stele else []), lines)


def bars(group):
    """Which bars are met, and other load on the machine."""
    told = []
    for row in group.rows:
        if row.bar and (row.key, "stele") in group.passes:
            ratio = row.best(group.passes[row.key, "stele"]) / row.best(group.passes[row.key, "ext4"])
            what = f"{row.title}, {row.bar} of the {'time' if row.bar.at_most else 'rate'} of ext4"
            told.append(f"{what}: {verdict(ratio, row.bar.met(ratio))}")
    text = f"Bars: {'; '.join(told)}. " if told else ""
    rounds = f"The quickest of {group.rounds} rounds counts. "
    return text + rounds + f"Others, stolen during all of it: {disturbance(group.cpu)}.\n\n"


def daemon(all_):
    """Its resource use. Memory is that at the end of each group, in the order of the groups."""
    lines = []
    for served in all_:
        for group in served.groups:
            if group.memory:
                resident, proportional, most = map(megabytes, group.memory)
                lines.append([group.title, resident, proportional, most, seconds(group.daemon_seconds)])
    return (
        "Its memory at the end of each group of rows, its peak so far, and its time for all passes of the group, "
        "including untimed ones; its keeper, which holds the mount, is included.\n\n"
        + table(["", "RSS, MB", "PSS, MB", "RSS at most, MB", "processor s"], lines)
    )
