"""The contenders for imports: `cp -a`, the floor of hashing alone, Stele, and three stores in common use.

Each gets an empty store on a fresh disk before the clock starts, has every byte and inode of the source in the page
cache, and is timed until `sync -f` on its disk has returned: leaving work to the kernel gains nothing.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from lib.scratch import Failed, end


class Contender:
    """One way to import a directory. `note` describes it in the report."""

    key = title = note = ""
    # Whether a second import of the same directory is meaningful.
    repeats = True

    def __init__(self, scratch):
        self.scratch = scratch

    def prepare(self, mount):
        """Makes an empty store. Not timed."""
        self.store = os.path.join(mount, "store")
        os.mkdir(self.store)

    def import_(self, source):
        """Imports. Timed, together with the sync that follows."""
        raise NotImplementedError

    def check(self, source, again):
        """Raises when the import is not correct. Not timed."""

    def finish(self):
        """Ends what `prepare` or `import_` started. Not timed."""

    def made(self):
        """The folder whose size on disk is reported."""
        return self.store


class Copy(Contender):
    key, title, note = "cp", "`cp -a`", "`cp -a SOURCE DISK/store/copy`"
    repeats = False

    def import_(self, source):
        self.scratch.run(["cp", "-a", source.path, os.path.join(self.store, "copy")])


class Floor(Contender):
    key, title = "floor", "hashing alone"
    note = (
        "`b3sum` and `openssl dgst -sha256` over the same files, shared out in batches to as many processes as there "
        "are processors, and nothing written: about the least that any store with both digests can take"
    )
    repeats = False

    def import_(self, source):
        threads = os.cpu_count() or 1
        # Many batches, so that no processor is left with the last one; their number, not their size, is bounded.
        step = -(-len(source.files) // (8 * threads))
        batches = [source.files[at : at + step] for at in range(0, len(source.files), step)]
        tools = [["openssl", "dgst", "-sha256", "-r"], ["b3sum", "--num-threads", "1"]]
        with ThreadPoolExecutor(threads) as pool:
            # Drained, so that a failure is raised here.
            list(pool.map(self.hash, [tool + batch for batch in batches for tool in tools]))

    def hash(self, command):
        self.scratch.run(command)

    def made(self):
        return None


class Stele(Contender):
    key, title = "stele", "**`stele store add`**"
    note = "`stele store add --root bench SOURCE`, with its daemon started before the clock"

    def __init__(self, scratch, binary):
        super().__init__(scratch)
        self.binary = binary
        self.daemon = None
        self.digests = {}

    def prepare(self, mount):
        super().prepare(mount)
        self.start()

    def start(self):
        """Starts the daemon as a child of this run, and waits until it listens."""
        log = os.path.join(self.scratch.path, "daemon.log")
        with open(log, "ab") as out:
            command = self.command("daemon", "run", "--idle", "86400")
            self.daemon = self.scratch.spawn(command, stdout=out, stderr=out)
        address = os.path.join(self.store, "socket")
        for _ in range(6000):
            if self.daemon.poll() is not None:
                break
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(address)
                return
            except OSError:
                time.sleep(0.01)
        with open(log, encoding="utf-8", errors="replace") as said:
            raise Failed(f"the daemon did not start: {said.read()[-2000:]}", "see whether `stele daemon run` works")

    def command(self, *args):
        return [self.binary, "--store", self.store, "--json", *args]

    def ask(self, *args):
        """Runs a command; returns its answer."""
        said = self.scratch.run(self.command(*args))
        return json.loads(said) if said.strip() else None

    def import_(self, source):
        self.added = self.ask("store", "add", "--root", "bench", source.path)

    def check(self, source, again):
        digest = self.digests.setdefault(source.key, self.added["digest"])
        if self.added["digest"] != digest:
            raise Failed(f"{source.path} gave {digest} at first and now {self.added['digest']}", "report this bug")
        if again and self.added["new_blobs"] != 0:
            raise Failed(f"a second import found {self.added['new_blobs']} new blobs", "report this bug")

    def finish(self):
        if self.daemon is not None:
            end(self.daemon)
            self.scratch.forget(self.daemon)
            self.daemon = None


class SteleCold(Stele):
    key, title = "stele-cold", "the same from nothing"
    note = "the same command where neither store nor daemon is, so that it makes the one and starts the other"
    repeats = False

    def start(self):
        os.rmdir(self.store)

    def finish(self):
        # The daemon is not a child of this run, so only the store itself knows its process.
        if os.path.exists(os.path.join(self.store, "socket")):
            command = self.command("daemon", "stop", "--now")
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


class Casync(Contender):
    key, title = "casync", "`casync make`"
    note = "`casync make --store=DISK/store/default.castr DISK/store/index.caidx SOURCE`"

    def import_(self, source):
        chunks = "--store=" + os.path.join(self.store, "default.castr")
        self.scratch.run(["casync", "make", chunks, os.path.join(self.store, "index.caidx"), source.path])


class Ostree(Contender):
    key, title = "ostree", "`ostree commit`"
    note = "`ostree commit --branch=bench SOURCE` into a `bare-user` repository, with its fsync"

    def prepare(self, mount):
        super().prepare(mount)
        self.scratch.run(["ostree", "init", "--repo=" + self.store, "--mode=bare-user"])

    def import_(self, source):
        # The time in the subject makes each commit different; its trees and files are the same.
        self.scratch.run(["ostree", "commit", "--repo=" + self.store, "--branch=bench", source.path])


class Nix(Contender):
    key, title = "nix", "`nix-store --add`"
    note = "`nix-store --add SOURCE`, with `NIX_STORE_DIR` and `NIX_STATE_DIR` on the disk and no daemon"

    def prepare(self, mount):
        super().prepare(mount)
        self.env = dict(
            os.environ,
            NIX_STORE_DIR=os.path.join(self.store, "store"),
            NIX_STATE_DIR=os.path.join(self.store, "var"),
            NIX_LOG_DIR=os.path.join(self.store, "log"),
            NIX_CONF_DIR=os.path.join(self.store, "etc"),
            NIX_REMOTE="",
            NIX_CONFIG="build-users-group =\nsubstitute = false\n",
            HOME=self.store,
        )
        self.scratch.run(["nix-store", "--init"], env=self.env)

    def import_(self, source):
        self.scratch.run(["nix-store", "--add", source.path], env=self.env)


STORES = ["casync", "ostree", "nix"]


def everyone(scratch, binary):
    """All contenders whose programs are installed, in the order of their turns, and the others."""
    programs = {"floor": ["b3sum", "openssl"], "casync": ["casync"], "ostree": ["ostree"], "nix": ["nix-store"]}
    all_ = [
        Copy(scratch),
        Floor(scratch),
        Stele(scratch, binary),
        SteleCold(scratch, binary),
        Casync(scratch),
        Ostree(scratch),
        Nix(scratch),
    ]
    absent = [one for one in all_ if not all(shutil.which(program) for program in programs.get(one.key, []))]
    return [one for one in all_ if one not in absent], absent
