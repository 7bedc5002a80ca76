"""The clients of the mounts: probe.c, compiled at the start of the run, and its lists of paths."""

import os
import shutil
from dataclasses import dataclass

from lib.scratch import Failed, is_mounted, unmount

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "probe.c")


@dataclass
class Pass:
    """One timed pass. `said` must be the same for all contenders."""

    seconds: float
    operations: int
    bytes: int
    said: object
    # Of the daemon, if any; in the kernel's ticks, so 10 ms are noise.
    daemon_seconds: float | None = None


class Desk:
    """A file system in memory for what is not measured: the probe, its lists, compilers' output.

    When the caches are dropped it stays, so that no probe waits for its own program to be read from the disk.
    """

    def __init__(self, scratch):
        self.path = scratch.folder("desk")
        scratch.keep(self)
        if not is_mounted(self.path):
            scratch.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", self.path])

    def file(self, name):
        return os.path.join(self.path, name)

    def unmount(self):
        unmount(self.path)


class Probe:
    """The compiled probe."""

    def __init__(self, scratch, desk):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler:
            raise Failed("there is no C compiler, and the mount is measured with a small C program", "install gcc")
        self.scratch, self.desk, self.program = scratch, desk, desk.file("probe")
        scratch.run([compiler, "-O2", "-o", self.program, SOURCE])

    def __call__(self, clients, what, root, *arguments):
        """Runs one operation below `root`."""
        words = [self.program, clients, what, root, *arguments]
        nanoseconds, operations, size, total = map(int, self.scratch.run([str(word) for word in words]).split())
        return Pass(nanoseconds / 1e9, operations, size, (operations, size, total))

    def list(self, name, paths):
        """Writes a list of paths, relative to the root in which they are looked up."""
        place = self.desk.file(name)
        with open(place, "wb") as out:
            out.writelines(os.fsencode(path) + b"\0" for path in paths)
        return place
