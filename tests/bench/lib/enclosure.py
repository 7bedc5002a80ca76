"""Private namespaces, so that nothing of a run outlives it, however it ends.

The mounts are private and end with the last process of the run; the kernel kills its processes when the first one
ends (pid_namespaces(7)), even daemons.
"""

import ctypes
import os
import signal
import subprocess
import sys

from lib.scratch import Failed

# From <sched.h> and <sys/prctl.h>; Python 3.11, which Debian 12 has, names neither.
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
PR_SET_PDEATHSIG = 1


def enter():
    """Forks. Returns in the first process of the new namespaces; the old process waits for it and ends as it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID) != 0:
        why = os.strerror(ctypes.get_errno())
        raise Failed(f"no namespaces could be made: {why}", "it takes real root; many containers do not give it")
    child = os.fork()
    if child != 0:
        follow(child)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    # All three raise an exception, so that every `with` and `finally` on the way out runs. A shell starts background
    # jobs with Ctrl-C ignored; a signal that is sent anyway is meant.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))


def follow(child):
    """Forwards signals to `child`, and ends when and how it does."""

    def hand_on(number, _):
        os.kill(child, number)

    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, hand_on)
    # The terminal sends Ctrl-C to both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(child, 0)
    sys.stdout.flush()
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
