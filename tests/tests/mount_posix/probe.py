"""System calls that need unsafe code: each printed line is a question and its answer.

The one argument is the directory.
"""

import ctypes
import errno
import fcntl
import hashlib
import mmap
import os
import signal
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
for name in ["munmap", "mprotect", "msync", "madvise"]:
    getattr(libc, name).argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.truncate.argtypes = [ctypes.c_char_p, ctypes.c_long]
libc.pread.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_long]

PAGE = mmap.PAGESIZE
READ, WRITE, EXEC = mmap.PROT_READ, mmap.PROT_WRITE, mmap.PROT_EXEC
KINDS = {"shared": mmap.MAP_SHARED, "private": mmap.MAP_PRIVATE,
         "populated": mmap.MAP_SHARED | mmap.MAP_POPULATE, "validated": 3}
MAP_FAILED = ctypes.c_void_p(-1).value
FILES = ["empty", "one", "page-less", "page", "page-more", "text", "file", "large", "sparse", "program",
         "twins/a/small", "twins/b/executable"]


def check(result):
    if result in (-1, MAP_FAILED):
        raise OSError(ctypes.get_errno(), "")
    return result


def ask(question, answer, *args):
    try:
        said = answer(*args)
    except OSError as e:
        said = errno.errorcode[e.errno]
    print(question, "=", said)


def in_child(work, *args):
    """How a child that does it ends: by a signal, or with its code or the number of its error."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            os._exit(work(*args) or 0)
        except OSError as e:
            os._exit(e.errno)
        except BaseException:
            os._exit(255)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return os.WEXITSTATUS(status)


def mapped(fd, offset, length, protection, kind):
    return check(libc.mmap(None, length, protection, kind, fd, offset))


def content(fd, offset, length, protection, kind):
    """The mapped content, up to the end of the page in which the file ends: after it there must be zeros."""
    at = mapped(fd, offset, length, protection, kind)
    # An executable-only mapping is readable on some processors, and not on those with protection keys (pkeys(7)).
    check(libc.mprotect(at, length, protection | READ))
    end = -(-os.fstat(fd).st_size // PAGE) * PAGE
    seen = ctypes.string_at(at, max(0, min(length, end - offset)))
    libc.munmap(at, length, 0)
    return len(seen), hashlib.sha256(seen).hexdigest()


def mapping(path):
    fd = os.open(path, os.O_RDONLY)
    size = os.fstat(fd).st_size
    for name, kind in KINDS.items():
        for protection in [READ, EXEC, READ | EXEC]:
            for offset, length in [(0, size or 1), (0, 1), (0, size + 3 * PAGE), (PAGE, 100), (100, 100),
                                   (0, 0), (size // PAGE * PAGE, PAGE), (1 << 40, PAGE)]:
                ask(f"{path} is mapped {name} for {protection} from {offset}, {length} bytes",
                    content, fd, offset, length, protection, kind)
    ask(f"{path} is mapped shared to be written", mapped, fd, 0, PAGE, READ | WRITE, mmap.MAP_SHARED)
    ask(f"{path} is mapped shared for nothing but writing", mapped, fd, 0, PAGE, WRITE, mmap.MAP_SHARED)
    shared = mapped(fd, 0, PAGE, READ, mmap.MAP_SHARED)
    ask(f"{path} mapped shared is made writable", lambda: check(libc.mprotect(shared, PAGE, READ | WRITE)))
    ask(f"{path} mapped shared is made a program", lambda: check(libc.mprotect(shared, PAGE, READ | EXEC)))
    ask(f"{path} mapped shared is written", in_child, lambda: ctypes.memset(shared, 1, 1) and 0)
    ask(f"{path} mapped shared is synced", lambda: check(libc.msync(shared, PAGE, 4)))
    for advice in [mmap.MADV_WILLNEED, mmap.MADV_SEQUENTIAL, mmap.MADV_DONTNEED, mmap.MADV_REMOVE,
                   mmap.MADV_FREE]:
        ask(f"{path} mapped shared is advised {advice}", lambda: check(libc.madvise(shared, PAGE, advice)))

    def change():
        own = mapped(fd, 0, PAGE, READ | WRITE, mmap.MAP_PRIVATE)
        ctypes.memset(own, ord("?"), 1)
        return ctypes.string_at(own, 2), os.pread(fd, 2, 0), ctypes.string_at(shared, 2)
    if size:
        ask(f"{path} mapped private is written", change)
    long = mapped(fd, 0, size + 3 * PAGE, READ, mmap.MAP_SHARED)
    end = -(-size // PAGE) * PAGE
    for offset in [0, size - 1, size, end - 1, end, size + 2 * PAGE]:
        if offset >= 0:
            look = lambda: ctypes.string_at(long + offset, 1) and 0
            ask(f"{path} mapped is read at {offset}", in_child, look)
    os.close(fd)
    ask(f"{path} mapped is read after it was closed",
        lambda: hashlib.sha256(ctypes.string_at(long, size)).hexdigest())


def record(kind):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 10, 0)


def owner_and_other(command, path):
    """A lock of this process, as another one sees it."""
    fd = os.open(path, os.O_RDONLY)
    fcntl.fcntl(fd, command, record(fcntl.F_RDLCK))

    def other():
        again = os.open(path, os.O_RDONLY)
        fcntl.fcntl(again, command, record(fcntl.F_RDLCK))
        found = fcntl.fcntl(again, fcntl.F_GETLK, record(fcntl.F_WRLCK))
        kind = struct.unpack("hhqqi4x", found)[0]
        return 100 + kind
    try:
        return in_child(other)
    finally:
        os.close(fd)


def direct(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    digest = hashlib.sha256()
    buffer = mmap.mmap(-1, 64 * PAGE)
    while (length := os.readv(fd, [buffer])) > 0:
        digest.update(buffer[:length])
        if length % PAGE:
            break
    os.close(fd)
    return digest.hexdigest()


class Handle(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint), ("kind", ctypes.c_int), ("bytes", ctypes.c_char * 128)]


def by_handle(path):
    """Opened by a handle it is the same file, or there is an error that handles are unsupported."""
    handle, mount = Handle(128), ctypes.c_int()
    folder = os.open(".", os.O_RDONLY)
    try:
        check(libc.name_to_handle_at(-100, path.encode(), ctypes.byref(handle), ctypes.byref(mount), 0))
        fd = check(libc.open_by_handle_at(folder, ctypes.byref(handle), os.O_RDONLY))
    except OSError as e:
        if e.errno in (errno.EOPNOTSUPP, errno.ESTALE):
            return "the same"
        raise
    same = os.path.samestat(os.fstat(fd), os.stat(path))
    os.close(fd)
    return "the same" if same else "another"


def run(path, flags):
    fd = os.open(path, flags)
    os.set_inheritable(fd, True)
    null = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.execve(fd, [path], {"PATH": "/usr/bin:/bin"})


def where(path):
    before = os.getcwd()
    os.chdir(path)
    now = os.getcwd()
    try:
        return os.path.relpath(now, before)
    finally:
        os.chdir(before)


def rooted(path):
    os.chroot(".")
    os.chdir("/")
    assert os.stat("/..").st_ino == os.stat("/").st_ino
    with open(path, "rb") as file:
        return len(file.read()) % 100


def chosen(path):
    """Polling returns at once that there is something to read."""
    import select
    fd = os.open(path, os.O_RDONLY)
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLPRI)
    return [event for _, event in poll.poll(1000)]


def under_signals(path):
    """How many calls a signal every millisecond interrupts: none for a file on a disk."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    buffer = ctypes.create_string_buffer(1 << 20)
    broken = 0
    for n in range(2000):
        fd = libc.open(path.encode(), os.O_RDONLY)
        # Nothing of it stays in the cache, and no absent name was looked up before.
        libc.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        broken += fd < 0
        for call in [lambda: libc.pread(fd, buffer, len(buffer), 0),
                     lambda: libc.access(f"absent-{n}".encode(), 0)]:
            broken += call() < 0 and ctypes.get_errno() == errno.EINTR
        libc.close(fd)
    signal.setitimer(signal.ITIMER_REAL, 0, 0)
    return broken


os.chdir(sys.argv[1])
for path in ["large", "text", "program"]:
    ask(f"calls on {path} that signals break off", under_signals, path)
for path in FILES:
    mapping(path)
    ask(f"{path} is read past the cache", direct, path)
OTHERS = ["dir", "link-to-text", "dangling", "loop-a", "absent", "absent/x", "text/x", "text/", ".", ""]
for path in FILES + OTHERS:
    for length in [0, 5, 1 << 40, -1]:
        question = f"{path} is cut off" if length == 0 else f"{path} is cut off at {length}"
        ask(question, lambda: check(libc.truncate(path.encode(), length)))
    for protection in [READ, READ | WRITE]:
        def open_and_map():
            fd = os.open(path, os.O_RDONLY)
            return bool(mapped(fd, 0, 1, protection, mmap.MAP_PRIVATE))
        ask(f"{path} is opened and mapped for {protection}", open_and_map)
    ask(f"{path} by its handle", by_handle, path)
    ask(f"{path} as the current folder", where, path)
    ask(f"{path} as the root", in_child, lambda: os.chroot(path))
for path in ["text", "large", "program", "dir"]:
    for name, command in [("a process", fcntl.F_SETLK), ("an open file", 37)]:
        ask(f"{path} is locked by {name}", owner_and_other, command, path)
    ask(f"{path} is polled", chosen, path)
for path in ["script", "program", "empty-program", "text", "dir", "twins/a/executable"]:
    for flags in [os.O_RDONLY, os.O_PATH]:
        ask(f"{path} is run by its descriptor {flags}", in_child, run, path, flags)
for path in ["/dir/sub/../text", "/../../text", "/dir/up/text", "/dir/up/../../text"]:
    ask(f"{path} below this root", in_child, rooted, path)
for path in ["deep/d/d/d/../../d", "dir/up/dir", "link-to-dot", "link-to-dir/sub"]:
    ask(f"{path} as the current folder", where, path)
