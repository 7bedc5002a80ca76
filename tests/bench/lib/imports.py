"""The rounds of imports: all contenders once, then all again, each time on a fresh disk."""

import mmap
import os
import time
from dataclasses import dataclass

from lib.machine import Cpu
from lib.scratch import say, used_bytes


@dataclass
class Measured:
    """One timed import."""

    seconds: float
    cpu: Cpu
    on_disk: int | None = None


def touch_memory(wanted):
    """Makes the host back up to `wanted` bytes of this machine's free memory.

    A virtual machine may return freed memory to its host (the kernel's page_reporting); its next user waits for the
    host, which makes a large copy three times slower. All contenders are to begin with backed memory.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE
    length = min(wanted, free // 2)
    with mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE):
        pass


def timed(disk, work, wanted):
    """Runs `work` and syncs the disk that it wrote to. `wanted` bytes of memory are touched before."""
    touch_memory(wanted)
    cpu, begun = Cpu.now(), time.monotonic()
    work()
    disk.scratch.run(["sync", "-f", disk.path])
    return Measured(time.monotonic() - begun, Cpu.now() - cpu)


def one_import(disk, contender, source):
    """A first import, and a second one where that is meaningful."""
    # Several times what is used: the host begins to take freed memory back at once.
    wanted = 4 * source.bytes + (2 << 30)
    mount = disk.fresh()
    try:
        contender.prepare(mount)
        source.warm()
        disk.sync()
        first = timed(disk, lambda: contender.import_(source), wanted)
        contender.check(source, again=False)
        second = None
        if contender.repeats:
            disk.sync()
            second = timed(disk, lambda: contender.import_(source), wanted)
            contender.check(source, again=True)
    finally:
        contender.finish()
    # Last, for a running daemon keeps space for its log; a second import adds next to nothing.
    if contender.made():
        first.on_disk = used_bytes(contender.made())
    return first, second


def import_rounds(disk, contenders, sources, rounds):
    """All measurements, by source and contender: the first imports, and the second ones."""
    firsts, seconds = {}, {}
    for number in range(1, rounds + 1):
        for source in sources:
            for contender in contenders:
                first, second = one_import(disk, contender, source)
                key = source.key, contender.key
                firsts.setdefault(key, []).append(first)
                if second:
                    seconds.setdefault(key, []).append(second)
                again = f", again {second.seconds:.2f} s" if second else ""
                say(f"round {number}/{rounds}: {source.key}, {contender.key}: {first.seconds:.2f} s{again}")
    disk.remove()
    return firsts, seconds


def best(measured):
    """The fastest: other load on the machine only ever adds time."""
    return min(measured, key=lambda one: one.seconds)
