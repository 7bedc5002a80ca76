"""What is done to a mounted tree: names, small and large files, compilations, and the same names in a larger store."""

import os
import random
import stat
import time
from dataclasses import dataclass

from lib.compiles import HEADERS, Compiles
from lib.lookups import tiny_source
from lib.mount_turns import Bar, Group, Row, Served, take_turns
from lib.mounts import everyone
from lib.probe import Desk, Probe
from lib.scratch import Disk, Scratch, say, used_bytes
from lib.trees import Source

# What Stele keeps in its database unless it is executable, and the most that still counts as one of many files.
MAX_SMALL, MAX_MEDIUM = 16 << 10, 1 << 20
# Ratios to ext4.
STAT_BAR, SEQUENTIAL_BAR = Bar(0.5), Bar(0.75)
LARGE_COMPILE_BAR, SMALL_COMPILES_BAR = Bar(1.1, at_most=True), Bar(1.5, at_most=True)
# Bytes of memory for what is new to the kernel or to a compiler: an inode with its name, a compilation.
INODE_MEMORY = 2 << 10
COMPILE_MEMORY = 512 << 20


@dataclass
class MountSizes:
    """How much is measured."""

    # About how many calls a warm pass consists of, and how many paths it has at most; and a cold one.
    operations: int
    warm_paths: int
    cold_paths: int
    # Compilations vary more than anything else, so a round has several turns of them.
    compile_turns: int
    headers: list
    instances: int
    small_compiles: int
    # Files in the stores that the same names are then looked for in.
    stores: list


FULL_MOUNTS = MountSizes(300_000, 60_000, 5_000, 3, HEADERS, 4, 20, [10_000, 1_000_000])
QUICK_MOUNTS = MountSizes(10_000, 60_000, 200, 1, HEADERS[::6], 0, 4, [1_000, 10_000])


@dataclass
class Bench:
    """What all rows need."""

    scratch: Scratch
    disk: Disk
    binary: str
    sizes: MountSizes
    rounds: int
    desk: Desk
    probe: Probe

    def chosen(self, paths, folder, cold):
        """Some of the paths, in random order, from `folder` on. Cold ones are few: a squashfs finds 700 a second."""
        most = self.sizes.cold_paths if cold else self.sizes.warm_paths
        return [os.path.relpath(path, folder) for path in random.Random(5).sample(paths, min(len(paths), most))]

    def repeat(self, count, cold, share=1):
        """How often `count` calls are made, so that a clock has something to count; what is cold is so only once."""
        return 1 if cold else max(1, self.sizes.operations // share // max(count, 1))


def name_rows(bench, source, clients, cold, bar=None):
    """Rows about names: nothing is opened but folders."""
    probe, count = bench.probe, len(source.files)
    paths = bench.chosen(source.files, source.path, cold)
    listed = probe.list("stat", paths)
    stats, walks = bench.repeat(len(paths), cold), bench.repeat(count, cold)
    stating = lambda tree: probe(clients, "stat", tree, listed, stats)
    walking = lambda tree: probe(clients, "walk", tree, walks)
    memory = (count + len(paths)) * INODE_MEMORY if cold else 0
    # The walk first: what has found all names in order finds them at random soon enough.
    return [
        Row("walk", "a walk that looks at every entry", "entries/s", walking, cold, None, memory),
        Row("stat", "`lstat` of random paths", "calls/s", stating, cold, bar, memory),
    ]


def file_rows(bench, source, large, clients, cold, bar=None):
    """Rows about what is in the files; `large` is the one that is read by parts."""
    probe, sizes = bench.probe, {path: os.lstat(path) for path in source.files}
    in_database = lambda is_: is_.st_size <= MAX_SMALL and not is_.st_mode & stat.S_IXUSR
    kinds = {
        "small": [path for path, is_ in sizes.items() if in_database(is_)],
        "medium": [path for path, is_ in sizes.items() if MAX_SMALL < is_.st_size <= MAX_MEDIUM],
    }
    reading = {}
    for key, paths in kinds.items():
        paths = kinds[key] = bench.chosen(paths, source.path, cold)
        listed = probe.list(key, paths)
        # To open and read a file takes many times as long as to look at it.
        passes = bench.repeat(len(paths), cold, share=30)
        reading[key] = lambda tree, listed=listed, passes=passes: probe(clients, "read", tree, listed, passes)
    small, medium = (f"{len(paths):,} files" for paths in kinds.values())
    file = os.path.relpath(large, source.path)
    # Cold ones wait for the disk, one by one.
    randoms = bench.sizes.operations // (60 if cold else 2)
    parts = {
        "sequential": lambda tree: probe(clients, "sequential", tree, file),
        "random": lambda tree: probe(clients, "random", tree, file, randoms),
        "pages": lambda tree: probe(clients, "pages", tree, file),
    }
    many = sum(is_.st_size for is_ in sizes.values() if is_.st_size <= MAX_MEDIUM)
    many, all_ = (2 * many, 2 * sizes[large].st_size) if cold else (0, 0)
    mebibytes = f"{sizes[large].st_size >> 20:,} MiB"
    return [
        Row("small", f"{small} of at most 16 KiB, whole", "files/s", reading["small"], cold, None, many),
        Row("medium", f"{medium} above that, up to 1 MiB", "files/s", reading["medium"], cold, None, many),
        Row("sequential", f"one of {mebibytes} in sequence", "MB/s", parts["sequential"], cold, bar, all_),
        Row("random", "random 4 KiB of it", "reads/s", parts["random"], cold, None, all_),
        Row("pages", "a word of each of its pages, mapped", "pages/s", parts["pages"], cold, None, all_),
    ]


def compile_rows(compiles, at):
    """Rows about compilations; the toolchain is at `at` in the tree."""
    in_ = lambda work: lambda tree: work(os.path.join(tree, at))
    small = f"{compiles.small_count} small C files, one after the other"
    return [
        Row("large", "one large C++ file", "s", in_(compiles.large), False, LARGE_COMPILE_BAR, COMPILE_MEMORY),
        Row("small", small, "s", in_(compiles.small), False, SMALL_COMPILES_BAR, COMPILE_MEMORY),
    ]


def serve(bench, key, title, source, only=None):
    """Has everybody, or `only` some, make and mount the tree on a fresh disk."""
    present, absent = everyone(bench.scratch, bench.binary)
    present = [one for one in present if only is None or one.key in only]
    served = Served(key, title, present, absent)
    # ext4 needs an inode for each of a million tiny files.
    place = bench.disk.fresh("-i", "8192")
    for contender in present:
        begun = time.monotonic()
        contender.prepare(place, source)
        bench.disk.sync()
        served.made[contender.key] = time.monotonic() - begun, used_bytes(contender.made())
        contender.mount()
        say(f"{title}: {contender.key} has it after {served.made[contender.key][0]:.1f} s")
    return served


def names_and_files(bench, served, source, large):
    """Four tables: warm and cold, by one client and by two."""
    # All of it once in order, which takes a squashfs a few seconds; at random it would take it minutes.
    listed = bench.probe.list("all", [os.path.relpath(path, source.path) for path in source.files])
    for contender in served.contenders:
        bench.probe(1, "read", contender.tree, listed, 1)
    for cold in (False, True):
        for clients in (1, 2):
            # The bars are for one client that finds all warm.
            stats, parts = (STAT_BAR, SEQUENTIAL_BAR) if not cold and clients == 1 else (None, None)
            rows = name_rows(bench, source, clients, cold, stats)
            rows += file_rows(bench, source, large, clients, cold, parts)
            key = f"{'cold' if cold else 'warm'}-{clients}"
            title = f"{'cold' if cold else 'warm'}, {'two clients at once' if clients == 2 else 'one client'}"
            take_turns(served, Group(key, title, rows, bench.rounds))


def compilations(bench, served, at):
    """One table, of what the toolchain at `at` in the tree compiles."""
    compiles = Compiles(bench.scratch, bench.desk, bench.sizes)
    if not compiles.can_be(os.path.join(served.contenders[0].tree, at)):
        say("the toolchain is not laid out as Debian does it, so compilations are not measured")
        served.remarks.append("Compilations were not measured: the toolchain is not laid out as Debian does it.")
        return
    for contender in served.contenders:
        compiles.check(os.path.join(contender.tree, at))
    rounds = bench.rounds * bench.sizes.compile_turns
    rows = compile_rows(compiles, at)
    take_turns(served, Group("compiles", "compilations, warm", rows, rounds, warm_each=False))


def sources_served(bench, sources, folder):
    """The trees that the imports measure, as one."""
    source = Source("sources", "", folder)
    place = {one.key: one for one in sources}
    title = f"The trees of the imports in one directory: {len(source.files):,} files, {source.bytes / 1e6:,.0f} MB"
    served = serve(bench, source.key, title, source)
    try:
        names_and_files(bench, served, source, place["large"].files[0])
        compilations(bench, served, os.path.relpath(place["toolchain"].path, folder))
    finally:
        served.finish()
    return served


def tiny_served(bench, count):
    """As many tiny files as a store of the look-ups has: does a name take longer to find?"""
    tiny, source = tiny_source(bench.scratch, count)
    title = f"{count:,} files of 200 bytes, a thousand to a directory"
    served = serve(bench, source.key, title, source, only=["ext4", "stele"])
    try:
        tiny.remove()
        for state in ("warm", "cold"):
            rows = name_rows(bench, source, 1, state == "cold")
            take_turns(served, Group(f"{source.key}-{state}", f"{count:,} files, {state}", rows, bench.rounds))
    finally:
        served.finish()
    return served


def mount_rounds(scratch, binary, disk, sources, sizes, rounds):
    """All that is measured of the mount: one `Served` after the other."""
    desk = Desk(scratch)
    bench = Bench(scratch, disk, binary, sizes, rounds, desk, Probe(scratch, desk))
    folder = os.path.dirname(sources[0].path)
    all_ = [sources_served(bench, sources, folder)]
    all_ += [tiny_served(bench, count) for count in sizes.stores]
    disk.remove()
    return all_
