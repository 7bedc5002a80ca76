"""What the figures depend on: the machine, the tools' versions, and other load on the processors."""

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")


def own_seconds():
    """Processor seconds of all processes of this run: all in this /proc, which is private to the run."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                # utime, stime, and those of its reaped children (proc(5)); names may hold blanks and brackets.
                ticks += sum(int(field) for field in stat.read().rpartition(")")[2].split()[11:15])
        except OSError:
            # It ended just now, and its parent's count has it.
            continue
    return ticks / TICKS


@dataclass
class Cpu:
    """Processor seconds: those of the whole machine as proc(5) counts them in /proc/stat, and this run's own."""

    busy: float
    own: float
    niced: float
    waiting: float
    stolen: float
    total: float

    @classmethod
    def now(cls):
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(field) / TICKS for field in stat.readline().split()[1:9]]
        user, nice, system, _, iowait, irq, softirq, steal = fields
        return cls(user + nice + system + irq + softirq, own_seconds(), nice, iowait, steal, sum(fields))

    def __sub__(self, earlier):
        return Cpu(
            self.busy - earlier.busy,
            self.own - earlier.own,
            self.niced - earlier.niced,
            self.waiting - earlier.waiting,
            self.stolen - earlier.stolen,
            self.total - earlier.total,
        )

    @property
    def others(self):
        """The time of the kernel's threads, and of processes that are not this run's."""
        return max(self.busy - self.own, 0)

    def share(self, seconds):
        """`seconds` as a share of the processors' capacity."""
        return seconds / self.total if self.total else 0.0


def sample(seconds):
    """How busy the machine is while this program does nothing."""
    before = Cpu.now()
    time.sleep(seconds)
    return Cpu.now() - before


def first_line(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.split("\n", 1)[0].strip()


def version(*command):
    """The first part of a tool's `--version` that looks like a version."""
    found = re.search(r"\b\d+(\.\d+)*[\w.~+-]*", first_line(*command))
    return found.group(0) if found else ""


def ostree_version():
    done = subprocess.run(["ostree", "--version"], stdout=subprocess.PIPE, text=True, check=False)
    found = re.search(r"Version: '?([\w.]+)", done.stdout)
    return found.group(1) if found else ""


def tool_versions(stele):
    tools = {
        "stele": version(stele, "--version"),
        "cp (coreutils)": version("cp", "--version"),
        "casync": version("casync", "--version"),
        "ostree": ostree_version(),
        "nix": version("nix-store", "--version"),
        "b3sum": version("b3sum", "--version"),
        "openssl": version("openssl", "version"),
        "hyperfine": version("hyperfine", "--version"),
        "mkfs.erofs": version("mkfs.erofs", "--version"),
        "mksquashfs": version("mksquashfs", "-version"),
        "g++": version("g++", "-dumpfullversion"),
    }
    return ", ".join(f"{name} {version}" for name, version in tools.items() if version)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    return models[0] if models else platform.machine()


def memory_gib():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30


def file_system(path):
    """Type and device of the file system that `path` lies on."""
    columns = ("SOURCE", "FSTYPE", "OPTIONS")
    source, kind, options = (first_line("findmnt", "-no", column, "-T", path) for column in columns)
    if kind.startswith("ext"):
        # jbd2 is the journal of ext3 and ext4; it has a folder for each file system that uses one.
        journals = os.listdir("/proc/fs/jbd2") if os.path.isdir("/proc/fs/jbd2") else []
        own = any(name.startswith(os.path.basename(source) + "-") for name in journals)
        kind += " with a journal" if own else " without a journal"
    return f"{kind} on {source} ({options})"


def commit(folder):
    """The commit, and whether the checkout differs from it."""
    git = ["git", "-c", "safe.directory=*", "-C", folder]
    head = first_line(*git, "rev-parse", "--short=12", "HEAD") or "unknown"
    # This page is written by the very run that it describes.
    changed = first_line(*git, "status", "--porcelain", "--", ".", ":!docs/benchmarks.md")
    return head + (" with uncommitted changes" if changed else "")


def process_memory(pid):
    """Resident bytes of a process now, and at its peak."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        rows = dict(line.split(":", 1) for line in status if ":" in line)
    return tuple(int(rows[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))


def processes_of(program):
    """All processes of this run that run `program`, by its name in /proc, which is private to the run."""
    running = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe") == program:
                running.append(int(pid))
        except OSError:
            # It has ended, though its parent may not have reaped it yet.
            continue
    return running


def process_seconds(pid):
    """Processor seconds of a process, including ended threads."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        return sum(int(field) for field in stat.read().rpartition(")")[2].split()[11:13]) / TICKS


def process_shares(pid):
    """Resident bytes of a process, and its proportional share of them."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as rollup:
        rows = dict(line.split(":", 1) for line in rollup if line.endswith("kB\n"))
    return tuple(int(rows[key].split()[0]) * 1024 for key in ("Rss", "Pss"))
