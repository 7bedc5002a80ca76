"""How a tree is served: by ext4, by Stele's mount, and by two file systems in common use for images.

All of them are on the same measured disk. That of `cp -a` stays mounted throughout, since it holds everything else;
the others are mounted anew before each cold pass.
"""

import os
import shutil
import signal
import subprocess
import time

from lib import machine
from lib.contenders import Stele
from lib.scratch import Failed, is_mounted, mount_image, say, unmount


class Mounted:
    """One way to serve a tree, which is then at `tree`. `note` describes it in the report."""

    key = title = note = ""
    # Programs that it needs, and the message when they are missing.
    programs = []
    absence = "the program is not here"

    def __init__(self, scratch):
        self.scratch = scratch
        self.place = scratch.folder("mounted-" + self.key)
        self.tree = self.place
        self.mount_seconds = []
        scratch.keep(self)

    def is_here(self):
        """Whether it can be measured on this machine."""
        return all(shutil.which(program) for program in self.programs)

    def prepare(self, disk, source):
        """Creates on the disk what is to be mounted, without mounting it."""
        raise NotImplementedError

    def attach(self):
        """Mounts it."""

    def unmount(self):
        """Unmounts it, if it is mounted."""
        unmount(self.place)

    def mount(self):
        """Mounts it anew, and measures the time."""
        self.unmount()
        begun = time.monotonic()
        self.attach()
        self.mount_seconds.append(time.monotonic() - begun)

    def made(self):
        """Its path on the disk."""
        raise NotImplementedError

    def finish(self):
        """Ends all started processes."""
        self.unmount()

    def daemon_seconds(self):
        """Processor seconds of the processes that serve it, so far; None when only the kernel does."""
        return None


class Ext4(Mounted):
    key, title, note = "ext4", "ext4", "`cp -a SOURCE DISK/tree`: the measured disk itself"

    def prepare(self, disk, source):
        self.tree = os.path.join(disk, "tree")
        self.scratch.run(["cp", "-a", source.path, self.tree])

    def mount(self):
        """The store and the images are on it."""

    def made(self):
        return self.tree


class SteleMount(Mounted):
    key, title = "stele", "**`stele mount`**"
    note = "`stele store add --root bench SOURCE`, `stele mount DIR`, and the tree is `DIR/DIGEST`"
    absence = "this `stele` has no `mount`"

    def __init__(self, scratch, binary):
        super().__init__(scratch)
        self.stele = Stele(scratch, binary)
        self.program = None

    def is_here(self):
        asked = [self.stele.binary, "mount", "--help"]
        return subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

    def prepare(self, disk, source):
        self.stele.prepare(disk)
        # Identifies the daemon, and other processes of the same program beside it.
        self.program = os.readlink(f"/proc/{self.stele.daemon.pid}/exe")
        self.stele.import_(source)

    def attach(self):
        self.scratch.run(self.command("mount"))
        self.tree = os.path.join(self.place, self.stele.added["digest"])
        if not os.path.isdir(self.tree):
            raise Failed(f"`stele mount` returned, and {self.tree} is not there", "report this bug")

    def command(self, name):
        return [self.stele.binary, "--store", self.stele.store, name, self.place]

    def unmount(self):
        daemon = self.stele.daemon
        if daemon is None or daemon.poll() is not None:
            # An interrupted run has ended the daemon already; its other processes must not start another.
            self.end_all()
        elif is_mounted(self.place):
            try:
                self.scratch.run(self.command("umount"))
            except Failed as failure:
                say(f"{failure}; unmounting without it")
        super().unmount()

    def made(self):
        return self.stele.store

    def finish(self):
        self.unmount()
        self.stele.finish()
        self.end_all()

    def end_all(self):
        """Ends the program's remaining processes: the keeper of the mounts outlives daemons for a while."""
        for number in [signal.SIGTERM] * 50 + [signal.SIGKILL] * 50:
            running = machine.processes_of(self.program)
            if not running:
                return
            for pid in running:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)

    def daemon_seconds(self):
        return sum(machine.process_seconds(pid) for pid in machine.processes_of(self.program))

    def memory(self):
        """Bytes of the processes that serve: resident, proportional, and resident at most so far."""
        serving = machine.processes_of(self.program)
        each = [(*machine.process_shares(pid), machine.process_memory(pid)[1]) for pid in serving]
        return tuple(map(sum, zip(*each)))


class Image(Mounted):
    """A file system in a file, made once and mounted by a loop device."""

    def prepare(self, disk, source):
        self.image = os.path.join(disk, self.key + ".img")
        self.scratch.run(self.making(source.path))

    def making(self, source):
        """The command that makes the image."""
        raise NotImplementedError

    def attach(self):
        mount_image(self.scratch, self.image, self.place, self.key, "ro")

    def made(self):
        return self.image


class Erofs(Image):
    key, title, programs = "erofs", "EROFS", ["mkfs.erofs"]
    note = "`mkfs.erofs DISK/erofs.img SOURCE`, which does not compress, by a loop device"

    def making(self, source):
        return ["mkfs.erofs", self.image, source]


class Squashfs(Image):
    key, title, programs = "squashfs", "squashfs", ["mksquashfs"]
    note = "`mksquashfs SOURCE DISK/squashfs.img`, compressed as it does by itself, by a loop device"

    def making(self, source):
        return ["mksquashfs", source, self.image, "-no-progress"]


def everyone(scratch, binary):
    """All contenders available here, in the order of their turns, and the others."""
    all_ = [Ext4(scratch), SteleMount(scratch, binary), Erofs(scratch), Squashfs(scratch)]
    absent = [one for one in all_ if not one.is_here()]
    return [one for one in all_ if one not in absent], absent
