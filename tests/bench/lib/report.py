"""The report: Markdown with tables of this run's figures; hand-written notes under them are kept."""

import os
import re
import statistics

from lib import machine
from lib.contenders import STORES
from lib.imports import best

# Import of a tree against `cp -a` of it, both synced (docs/architecture.md has the reason for it).
BAR = 0.8
BARRED = ["text", "toolchain"]


def table(head, rows):
    """Text to the left, figures to the right."""
    line = lambda cells: "| " + " | ".join(cells) + " |"
    rule = "|" + "|".join([" --- "] + [" ---: "] * (len(head) - 1)) + "|"
    return "\n".join([line(head), rule] + [line(row) for row in rows]) + "\n"


def note(name):
    """A place for notes on the figures above it; a later run keeps them."""
    return f"<!-- note: {name} -->\n<!-- end of note -->\n"


NOTE = re.compile(r"<!-- note: ([\w-]+) -->\n(.*?)<!-- end of note -->\n", re.DOTALL)


def keep_notes(report, old):
    """`report` with the notes of the page `old`; whether there are any."""
    notes = {name: text for name, text in NOTE.findall(old) if text.strip()}
    put = lambda found: f"<!-- note: {found[1]} -->\n{notes.get(found[1], '')}<!-- end of note -->\n"
    return NOTE.sub(put, report), bool(notes)


def seconds(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def duration(value):
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def megabytes(value):
    return "–" if value is None else f"{value / 1e6:,.0f}"


def rate(value):
    return f"{float(f'{value:.3g}'):,.0f}"


def percent(value):
    return f"{100 * value:.0f} %"


def disturbance(cpu):
    """The share of the processors used by other load."""
    return f"{percent(cpu.share(cpu.others))}, {percent(cpu.share(cpu.stolen))}"


def verdict(ratio, met):
    """Three decimal places, so that no missed bar looks like one that was just met."""
    return f"{'met' if met else '**missed**'} ({ratio:.3f})"


class Run:
    """All measurements of a run."""

    def __init__(self, options, stele, top, scratch):
        self.options, self.stele, self.top = options, stele, top
        self.scratch_is_on = machine.file_system(scratch)
        self.load = os.getloadavg()
        self.idle = machine.sample(1 if options.quick else 5)
        self.began = machine.Cpu.now()
        self.contenders, self.absent, self.sources = [], [], []
        self.firsts, self.seconds, self.grown = {}, {}, []
        self.disk, self.sections = {}, []

    def report(self, date):
        parts = [self.head(date)]
        if self.firsts:
            parts += [self.imports(), self.second_imports()]
        if self.grown:
            parts.append(self.lookups())
        return "\n".join(parts + self.sections)

    def head(self, date):
        whole = machine.Cpu.now() - self.began
        quick = "" if not self.options.quick else (
            "**This was a `--quick` run: its sizes are too small to judge anything by.**\n\n")
        uname = os.uname()
        rows = [
            ("date", date),
            ("commit", machine.commit(self.top)),
            ("processor", f"{machine.processor()}, {os.cpu_count()} of them, {uname.machine}"),
            ("memory", f"{machine.memory_gib():.1f} GiB"),
            ("kernel", f"{uname.sysname} {uname.release}"),
            ("disk under the measured one", self.scratch_is_on),
            ("measured disk", "ext4 with a journal in an image file on that disk, written through once, by a loop "
                              "device with direct I/O; made anew for every measurement" + self.disk_speed()),
            ("programs", machine.tool_versions(self.stele)),
            ("before the run", f"load {self.load[0]:.2f}; others kept {percent(self.idle.share(self.idle.busy))} of "
                               f"the processors busy, {percent(self.idle.share(self.idle.stolen))} were stolen"),
            ("during the run", f"{percent(whole.share(whole.others))} of the processors went to the kernel's threads "
                               f"and to others, {percent(whole.share(whole.niced))} to niced processes, "
                               f"{percent(whole.share(whole.stolen))} were stolen"),
        ]
        return (
            "# Benchmarks\n\n"
            "Written by `tests/bench/run --write`; all but the notes under the tables comes from one run on one "
            "machine. Compare the ratios, not the seconds: the contenders took turns (A, B, C, A, B, C, …), and the "
            f"quickest of {self.options.rounds} rounds counts. To repeat it, as root: `make bench`.\n\n"
            + quick + table(["", ""], rows).replace("---:", "---") + "\n" + note("machine")
        )

    def disk_speed(self):
        if not self.disk:
            return ""
        return (f". `fio` writes {self.disk['sequential'] / 1e6:,.0f} MB/s to it in sequence, synced at the end, and "
                f"{rate(self.disk['syncs'])} blocks of 4 KiB a second with an fsync after each")

    def imports(self):
        text = (
            "## Import\n\n"
            "From the page cache to an empty store on a fresh disk, timed until `sync -f` has returned. Right before, "
            "as much free memory is touched as the import may use, so that no contender waits for a host that reclaimed "
            "it. *Processor s* is the time of the contender's processes on all processors. *Others, stolen*: the share of "
            "the processors used by the kernel's threads, which write back, and by processes that are not the "
            "benchmark's, and the share that the hypervisor gave to other machines. *MB on disk* is the size of the "
            "result, after the daemon has ended. All but the median is of the fastest round.\n\n"
        )
        text += "".join(f"- {one.title}: {one.note}.\n" for one in self.contenders)
        text += "".join(f"- {one.title}: not measured, the program is not here.\n" for one in self.absent)
        for source in self.sources:
            text += f"\n### {source.describe()[0].upper()}{source.describe()[1:]}\n\n"
            text += self.import_table(source) + "\n" + self.bars(source) + "\n" + note(f"import-{source.key}")
        return text

    def import_table(self, source):
        copy = best(self.firsts[source.key, "cp"]).seconds
        rows = []
        for one in self.contenders:
            measured = self.firsts[source.key, one.key]
            first = best(measured)
            rows.append([
                one.title,
                seconds(first.seconds),
                seconds(statistics.median(each.seconds for each in measured)),
                f"{first.seconds / copy:.2f}",
                seconds(first.cpu.own),
                megabytes(first.on_disk),
                disturbance(first.cpu),
            ])
        head = ["", "seconds", "median", "÷ `cp -a`", "processor s", "MB on disk", "others, stolen"]
        return table(head, rows)

    def bars(self, source):
        """Which bars are met; where the time goes when one is missed."""
        time_of = lambda key: best(self.firsts[source.key, key]).seconds
        mine, missed, lines = time_of("stele"), False, []
        if source.key in BARRED:
            ratio = mine / time_of("cp")
            missed |= ratio > BAR
            lines.append(f"at most {BAR} of `cp -a`: {verdict(ratio, ratio <= BAR)}")
        for one in self.contenders:
            if one.key in STORES:
                ratio = mine / time_of(one.key)
                missed |= ratio >= 1
                lines.append(f"faster than {one.title}: {verdict(ratio, ratio < 1)}")
        text = "Bars: " + "; ".join(lines) + ".\n"
        return text + (self.where_time_goes(source) if missed else "")

    def where_time_goes(self, source):
        first = best(self.firsts[source.key, "stele"])
        floor = self.firsts.get((source.key, "floor"))
        hashing = f" Hashing alone takes {seconds(best(floor).seconds)} s." if floor else ""
        return (
            f"\nOf the processors' {seconds(first.cpu.total)} s within Stele's {seconds(first.seconds)} s, it worked "
            f"for {seconds(first.cpu.own)}; {seconds(first.cpu.others)} went to the kernel's threads and to others, "
            f"{seconds(first.cpu.waiting)} to waits for the disk, {seconds(first.cpu.stolen)} were stolen.{hashing}\n"
        )

    def second_imports(self):
        repeating = [one for one in self.contenders if one.repeats]
        rows = []
        for one in repeating:
            row = [one.title]
            for source in self.sources:
                again, first = best(self.seconds[source.key, one.key]), best(self.firsts[source.key, one.key])
                row.append(f"{seconds(again.seconds)} ({again.seconds / first.seconds:.2f})")
            rows.append(row)
        head = [""] + [source.key for source in self.sources]
        return (
            "## Repeated import\n\n"
            "The same directory again, into the same store, right after the first time: seconds until the sync has "
            "returned, and their ratio to the first import. None has a cache of timestamps: "
            "all read every byte again.\n\n" + table(head, rows) + "\n" + note("again")
        )

    def lookups(self):
        sizes = [f"{grown.files:,} blobs" for grown in self.grown]
        row = lambda title, value: [title] + [value(grown) for grown in self.grown]
        memory = [
            row("import, until synced", lambda it: f"{seconds(it.import_seconds)} s"),
            row("blobs imported a second", lambda it: rate(it.files / it.import_seconds)),
            row("the store on disk, MB, daemon stopped", lambda it: megabytes(it.on_disk)),
            row("daemon's start, until it answers", lambda it: duration(it.start_seconds)),
            row("daemon's memory after the import, MB", lambda it: megabytes(it.after_import[0])),
            row("… at most during it, MB", lambda it: megabytes(it.after_import[1])),
            row("daemon's memory after the look-ups, MB", lambda it: megabytes(it.after_lookups[0])),
            row("… at most during them, MB", lambda it: megabytes(it.after_lookups[1])),
            row("others, stolen", lambda it: disturbance(it.cpu)),
        ]
        titles = {
            "row": "size, SHA-256 and placement of a blob",
            "absent": "the same, of a digest that is not there",
            "bytes": "a blob's 200 bytes, checked against its digest",
            "tree": "a directory of 1,000 entries, checked and decoded",
        }
        rates = []
        for what, title in titles.items():
            for threads in (1, 2):
                name = f"{title}, {threads} thread{'s' if threads > 1 else ''}"
                rates.append(row(name, lambda it, key=(what, threads): rate(it.in_process[key])))
        rates.append(row("`info` of a blob, one connection to the daemon", lambda it: rate(it.connection["info"])))
        rates.append(row("`cat` of a blob, one connection to the daemon", lambda it: rate(it.connection["cat"])))
        text = (
            "## Look-ups and memory as a store grows\n\n"
            "Trees of so many files of 200 bytes, a thousand to a directory, all different. Random ones are then "
            "looked up: first by the library in a separate process (`store/examples/lookup.rs`), then by one client "
            "of a daemon that sends a request and waits for its answer.\n\n"
            + table(["the daemon"] + sizes, memory) + "\n" + note("memory") + "\n"
            + table(["look-ups a second"] + sizes, rates) + "\n" + note("lookups")
        )
        if all(grown.commands for grown in self.grown):
            names = self.grown[0].commands
            quickest = [row(f"`stele {name}`", lambda it, name=name: duration(it.commands[name][0])) for name in names]
            text += (
                "\nWhole commands with a warm daemon, process start included; the quickest by `hyperfine`:\n\n"
                + table(["command"] + sizes, quickest) + "\n" + note("commands")
            )
        return text
