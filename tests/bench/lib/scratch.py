"""The one folder that a run writes to, its file systems, and the processes that work there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    """A failure that the user can act on: a fact and a hint."""

    def __init__(self, fact, hint):
        super().__init__(fact)
        self.hint = hint


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Scratch:
    """A scratch folder. Leaving the `with` ends its processes, unmounts everything in it and removes it."""

    def __init__(self):
        self.children = []
        self.mounted = []

    def __enter__(self):
        within = os.environ.get("TMPDIR") or "/var/tmp"
        try:
            self.path = tempfile.mkdtemp(prefix="stele-bench.", dir=within)
        except OSError as error:
            raise Failed(f"no folder can be made in {within}: {error.strerror}", "set TMPDIR to another") from error
        return self

    def __exit__(self, *_):
        # A second Ctrl-C must not leave half of this undone.
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
        for child in reversed(self.children):
            end(child)
        self.let_go_of_images()
        for one in reversed(self.mounted):
            one.unmount()
        shutil.rmtree(self.path, ignore_errors=True)

    def folder(self, name):
        path = os.path.join(self.path, name)
        os.makedirs(path, exist_ok=True)
        return path

    def file(self, name):
        return os.path.join(self.path, name)

    def spawn(self, command, **options):
        """Starts a process that ends with this folder at the latest."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.children.append(child)
        return child

    def forget(self, child):
        self.children.remove(child)

    def run(self, command, env=None, cwd=None):
        """Runs a command that must succeed; its stdout."""
        child = self.spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd)
        try:
            stdout, stderr = child.communicate()
        finally:
            # When this run is interrupted, the child must not continue and start more.
            end(child)
            self.forget(child)
        if child.returncode != 0:
            said = (stderr or stdout).strip()[-2000:]
            raise Failed(
                f"`{' '.join(command[:6])} …` ended with {child.returncode}: {said}",
                "run that by hand to see more",
            )
        return stdout

    def keep(self, one):
        """Calls `one.unmount` at the end: after those that are kept later, for they may be on it."""
        self.mounted.append(one)

    def disk(self, name, size, mkfs):
        """A disk for successive measurements; `mkfs` are the arguments of mkfs.ext4."""
        disk = Disk(self, name, size, mkfs)
        self.keep(disk)
        return disk

    def let_go_of_images(self):
        """Frees loop devices that an interrupt left attached but not mounted; mounted ones go with their mounts."""
        listing = ["losetup", "--json", "--list", "--output", "NAME,BACK-FILE"]
        listed = subprocess.run(listing, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if listed.returncode != 0 or not listed.stdout.strip():
            return
        for device in json.loads(listed.stdout)["loopdevices"]:
            if (device["back-file"] or "").startswith(os.path.realpath(self.path) + "/"):
                subprocess.run(["losetup", "--detach", device["name"]], stderr=subprocess.DEVNULL, check=False)


def end(child):
    """Ends a process that this run started, with SIGTERM first."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def mount_image(scratch, image, place, kind, options, mkfs=None):
    """Mounts an image file by a loop device; `mkfs` is a command that makes a file system in it first."""
    try:
        device = attach(scratch, image, ["--read-only"] if options == "ro" else [])
        if mkfs:
            scratch.run([*mkfs, device])
        scratch.run(["mount", "-t", kind, "-o", options, device, place])
        # While it is mounted this sets its autoclear flag: it is detached with the mount, however that ends.
        scratch.run(["losetup", "--detach", device])
    except Failed as failure:
        raise Failed(
            f"a loop device could not be mounted: {failure}",
            "it takes root and the kernel's loop driver; many containers have neither",
        ) from failure


def attach(scratch, image, options):
    """A loop device; with direct I/O, like a disk, unless the file system below lacks it."""
    command = ["losetup", "--find", "--show", *options]
    try:
        return scratch.run([*command, "--direct-io=on", image]).strip()
    except Failed:
        say("the disk below has no direct I/O: what is on the measured one lies in the page cache twice")
        return scratch.run([*command, image]).strip()


def is_mounted(place):
    """Asks the kernel, not the mount: a FUSE mount whose daemon has ended does not answer."""
    place = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
    # Blanks and the like are escaped as \\040 (proc(5)).
    plain = lambda path: re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), path)
    with open("/proc/self/mounts", "rb") as mounts:
        return any(plain(line.split(b" ")[1]) == os.fsencode(place) for line in mounts)


def unmount(place):
    """Unmounts what is mounted there, if anything is: an interrupt may have come right after the mount.

    Returns whether nothing of it is left; a busy mount is detached, and ends with its last process.
    """
    if not is_mounted(place):
        return True
    for _ in range(30):
        done = subprocess.run(["umount", place], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return True
        # A process that has just ended may still be closing its files.
        time.sleep(0.1)
    say(f"leaving a busy mount to go with its last process: {done.stderr.strip()}")
    subprocess.run(["umount", "--lazy", place], check=False)
    return False


class Disk:
    """An ext4 in an image file, mounted through a loop device that bypasses the page cache where possible.

    The whole image is written once before its first use: else the first contender to reach a block would pay for its
    allocation on the disk below.
    """

    def __init__(self, scratch, name, size, mkfs):
        self.scratch = scratch
        self.image = scratch.file(name + ".img")
        self.path = scratch.folder(name)
        self.size = size
        self.mkfs = mkfs

    def fresh(self, *mkfs):
        """A new file system on the same blocks: nothing of an earlier measurement can be found."""
        if not self.unmount():
            # Two file systems on the same blocks would corrupt each other.
            raise Failed(f"{self.path} is still in use", "what a contender started goes on; report this bug")
        if not os.path.exists(self.image):
            self.write_through()
        mkfs = ["mkfs.ext4", "-q", "-F", *self.mkfs, *mkfs]
        mount_image(self.scratch, self.image, self.path, "ext4", "noatime", mkfs)
        self.sync()
        return self.path

    def write_through(self):
        zeros = bytes(4 << 20)
        with open(self.image, "wb", buffering=0) as image:
            for _ in range(0, self.size, len(zeros)):
                image.write(zeros)
            os.fsync(image.fileno())
            os.posix_fadvise(image.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def sync(self):
        """The next step must not wait for writes of earlier ones."""
        self.scratch.run(["sync", "-f", self.path])
        self.scratch.run(["sync", "-f", self.image])

    def unmount(self):
        """Unmounts, which frees the loop device; returns whether that succeeded."""
        return unmount(self.path)

    def remove(self):
        self.unmount()
        if os.path.exists(self.image):
            os.remove(self.image)


def check_space(folder, wanted):
    """Refuses to begin when it would fill the disk."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise Failed(
            f"{folder} has {free / 2**30:.1f} GiB free, and the benchmark needs {wanted / 2**30:.1f}",
            "make room, or set TMPDIR to a folder on another disk; --quick needs less",
        )


def used_bytes(path):
    """The disk usage below `path`, as the file system counts it; a file with several names counts once."""
    seen, total = set(), 0
    stack = [path]
    while stack:
        place = stack.pop()
        stat = os.lstat(place)
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        # st_blocks counts 512 bytes each, whatever the file system's block (stat(2)).
        total += stat.st_blocks * 512
        if os.path.isdir(place) and not os.path.islink(place):
            stack.extend(entry.path for entry in os.scandir(place))
    return total
