"""The contenders' turns at serving a tree: rows of operations on it, warm and cold."""

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from lib.imports import touch_memory
from lib.machine import Cpu
from lib.scratch import Failed, say


@dataclass
class Bar:
    """The target for Stele, as a ratio to ext4: a minimum of throughput, or a maximum of time."""

    limit: float
    at_most: bool = False

    def met(self, ratio):
        return ratio <= self.limit if self.at_most else ratio >= self.limit

    def __str__(self):
        return f"at {'most' if self.at_most else 'least'} {self.limit:.2f}"


@dataclass
class Row:
    """One operation on a tree; `unit` is "s", "MB/s", or a count such as "files/s"."""

    key: str
    title: str
    unit: str
    measure: Callable
    cold: bool = False
    bar: Bar | None = None
    # Bytes of memory that a pass may have to get from the kernel.
    memory: int = 0

    def figure(self, seconds, one):
        if self.unit == "s":
            return seconds
        return (one.bytes / 1e6 if self.unit == "MB/s" else one.operations) / seconds

    def best(self, passes):
        """By the fastest pass: other load on the machine only ever adds time."""
        return self.figure(min(one.seconds for one in passes), passes[0])

    def median(self, passes):
        return self.figure(statistics.median(one.seconds for one in passes), passes[0])


@dataclass
class Group:
    """The rows of one table, and their results. `memory` is the daemon's at the end: SteleMount.memory."""

    key: str
    title: str
    rows: list
    rounds: int
    # Whether every warm pass follows one that is not timed, or only the first one does.
    warm_each: bool = True
    passes: dict = field(default_factory=dict)
    cpu: Cpu | None = None
    daemon_seconds: float | None = None
    memory: tuple | None = None

    def of(self, row, contender):
        return self.passes[row.key, contender.key]


@dataclass
class Served:
    """A tree, served by all contenders. `made` has seconds to make and bytes on disk by contender."""

    key: str
    title: str
    contenders: list
    absent: list
    made: dict = field(default_factory=dict)
    groups: list = field(default_factory=list)
    remarks: list = field(default_factory=list)

    def finish(self):
        for contender in self.contenders:
            contender.finish()


def drop_caches():
    """Makes the kernel drop all unused pages, names and inodes."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop:
            drop.write("3\n")
    except OSError as error:
        hint = "it takes root of the machine itself; many containers do not give it"
        raise Failed(f"the caches cannot be dropped: {error.strerror}", hint) from error


def one_pass(row, contender, warm):
    """One timed pass; an untimed one precedes it, if `warm`."""
    if row.cold:
        # The daemon keeps its caches; the kernel's are gone.
        contender.mount()
        drop_caches()
    elif warm:
        row.measure(contender.tree)
    if row.memory:
        touch_memory(row.memory)
    before = contender.daemon_seconds()
    one = row.measure(contender.tree)
    if before is not None:
        one.daemon_seconds = contender.daemon_seconds() - before
    return one


def take_turns(served, group):
    """All passes of a group: each row by all contenders, once per round."""
    contenders = served.contenders
    mine = next((one for one in contenders if one.key == "stele"), None)
    began, spent = Cpu.now(), mine.daemon_seconds() if mine else None
    for number in range(1, group.rounds + 1):
        for row in group.rows:
            told = []
            for contender in contenders:
                one = one_pass(row, contender, group.warm_each or number == 1)
                passes = group.passes.setdefault((row.key, contender.key), [])
                first = group.passes[row.key, contenders[0].key]
                passes.append(one)
                if one.said != first[0].said:
                    raise Failed(
                        f"{row.key}: {contenders[0].key} gave {first[0].said} and {contender.key} {one.said}",
                        "they were to serve the same tree; report this bug",
                    )
                told.append(f"{contender.key} {one.seconds:.3f} s")
            say(f"round {number}/{group.rounds}: {group.title}: {row.key}: {', '.join(told)}")
    group.cpu = Cpu.now() - began
    if mine:
        group.daemon_seconds, group.memory = mine.daemon_seconds() - spent, mine.memory()
    served.groups.append(group)
