"""Look-ups per second, and memory, as the store grows: trees of ever more tiny files."""

import json
import os
import random
import shutil
import socket
import struct
import time
from dataclasses import dataclass, field

from lib.contenders import Stele
from lib.imports import timed
from lib.machine import Cpu, process_memory
from lib.scratch import Failed, say, used_bytes
from lib.trees import Source, tiny_files

# A file of 200 bytes fits an inode of 512, so the trees take no more than their inodes.
TINY_INODE = 512
SAMPLE = 2000


@dataclass
class Grown:
    """The measurements of a store of one size."""

    files: int
    import_seconds: float = 0.0
    after_import: tuple = (0, 0)
    on_disk: int = 0
    in_process: dict = field(default_factory=dict)
    start_seconds: float = 0.0
    connection: dict = field(default_factory=dict)
    after_lookups: tuple = (0, 0)
    commands: dict = field(default_factory=dict)
    cpu: Cpu | None = None


def tiny_disk(scratch, count):
    """A disk that holds `count` tiny files and little more."""
    inodes = count + count // 500 + 4096
    mkfs = ["-O", "inline_data,^has_journal", "-I", str(TINY_INODE), "-N", str(inodes), "-m", "0"]
    return scratch.disk(f"tiny{count}", inodes * TINY_INODE + (256 << 20), mkfs)


def tiny_source(scratch, count):
    """A disk of that many tiny files, and the directory of them."""
    say(f"making {count:,} files of 200 bytes")
    tiny = tiny_disk(scratch, count)
    folder = os.path.join(tiny.fresh(), "tiny")
    os.mkdir(folder)
    tiny_files(folder, count)
    tiny.sync()
    return tiny, Source(f"tiny{count}", "", folder)


def grown_store(scratch, disk, binary, lookup, count, seconds):
    """Imports `count` tiny files into a fresh store, and queries it."""
    tiny, source = tiny_source(scratch, count)
    grown, began = Grown(count), Cpu.now()
    stele = Stele(scratch, binary)
    try:
        stele.prepare(disk.fresh())
        source.warm()
        disk.sync()
        grown.import_seconds = timed(disk, lambda: stele.import_(source), source.bytes).seconds
        grown.after_import = process_memory(stele.daemon.pid)
        stele.finish()
        tiny.remove()
        grown.on_disk = used_bytes(stele.store)
        say(f"{count:,}: imported in {grown.import_seconds:.1f} s; looking up")
        sample = in_process(scratch, stele, lookup, seconds, grown)
        begun = time.monotonic()
        stele.start()
        grown.start_seconds = time.monotonic() - begun
        through_connection(stele, sample, seconds, grown)
        through_commands(scratch, stele, sample, grown)
        grown.after_lookups = process_memory(stele.daemon.pid)
    finally:
        stele.finish()
    grown.cpu = Cpu.now() - began
    disk.remove()
    return grown


def in_process(scratch, stele, lookup, seconds, grown):
    """The library itself, without daemon and socket; gives random digests of blobs."""
    said = json.loads(scratch.run([lookup, stele.store, str(seconds), str(SAMPLE)]))
    if said["blobs"] != grown.files:
        raise Failed(f"{said['blobs']} blobs came of {grown.files} files", "report this bug")
    for rate in said["rates"]:
        grown.in_process[rate["what"], rate["threads"]] = rate["per_second"]
    return said["sample"]


class Connection:
    """A client of the daemon; docs/formats.md has the frames."""

    def __init__(self, store, version):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.path.join(store, "socket"))
        self.send({"stele": version})
        self.receive()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message):
        payload = json.dumps(message).encode()
        self.socket.sendall(struct.pack("<IB", len(payload), ord("J")) + payload)

    def exactly(self, length):
        parts = b""
        while len(parts) < length:
            part = self.socket.recv(length - len(parts))
            if not part:
                raise Failed("the daemon hung up", "its log in the store's folder may say why")
            parts += part
        return parts

    def receive(self):
        length, kind = struct.unpack("<IB", self.exactly(5))
        payload = self.exactly(length)
        return json.loads(payload) if kind == ord("J") else payload

    def ask(self, request, reference):
        """Queries a reference; frames before the final answer are read and dropped."""
        self.send({"call": "store", "store": {"request": request, "reference": reference}})
        while True:
            reply = self.receive()
            if isinstance(reply, bytes) or reply["reply"] in ("progress", "entries"):
                continue
            if reply["reply"] != "answer":
                raise Failed(f"the daemon answered {reply}", "report this bug")
            return


def through_connection(stele, sample, seconds, grown):
    """One client that sends a request, waits for the answer, and repeats."""
    status = stele.ask("daemon", "status")
    chosen = random.Random(3)
    for request in ("info", "cat"):
        with Connection(stele.store, status["version"]) as connection:
            begun, done = time.monotonic(), 0
            while (taken := time.monotonic() - begun) < seconds:
                connection.ask(request, chosen.choice(sample))
                done += 1
        grown.connection[request] = done / taken


def through_commands(scratch, stele, sample, grown):
    """Whole commands, each in its own process, with a warm daemon."""
    if not shutil.which("hyperfine"):
        return
    commands = {
        "store root ls": 50,
        f"store info {sample[0]}": 50,
        f"store ls {sample[0]}": 50,
        "store stats": 5,
    }
    for command, runs in commands.items():
        into = scratch.file("hyperfine.json")
        plain = f"{stele.binary} --store {stele.store} {command}"
        scratch.run(["hyperfine", "-N", "--warmup", "2", "--runs", str(runs), "--export-json", into, plain])
        with open(into, encoding="utf-8") as results:
            times = json.load(results)["results"][0]
        grown.commands[command.split(" " + sample[0])[0]] = (times["min"], times["median"])
