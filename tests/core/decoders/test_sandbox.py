"""What a process can't do any more after restrict()."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

ATTEMPTS = {
    "open a file": "open('/etc/hostname')",
    "open a file in a thread that ran before": "earlier.submit(open, '/etc/hostname').result()",
    "write a file": "open('/tmp/segmenter-sandbox', 'w')",
    "list a folder": "os.listdir('/')",
    "remove a file": "os.unlink('/tmp/segmenter-sandbox')",
    "open a TCP socket": "socket.socket()",
    "open a UDP socket": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "fork": "os.fork()",
    "start a program": "os.execv('/bin/true', ['true'])",
    "end its parent": "os.kill(parent, signal.SIGKILL)",
    "let its socket send a signal to its parent": "fcntl.fcntl(ours, fcntl.F_SETOWN, parent)",
    "let its socket send a signal of its choice": "fcntl.fcntl(ours, F_SETSIG, signal.SIGKILL)",
    "let its socket send signals": "fcntl.fcntl(ours, fcntl.F_SETFL, fcntl.FASYNC)",
    "make its pipes larger": "fcntl.fcntl(1, F_SETPIPE_SZ, 1_000_000)",
    "change a limit of its parent": "resource.prlimit(parent, resource.RLIMIT_CORE, (0, 0))",
    "read a limit of its parent": "resource.prlimit(parent, resource.RLIMIT_CORE)",
    "damage a page of memory": "libc.madvise(None, 4096, 100) and oops()",
    "offline a page of memory": "libc.madvise(None, 4096, 101) and oops()",
    "use more memory": "bytearray(200_000_000)",
    "make a file in memory": "os.memfd_create('more')",
    "trace its parent": "libc.ptrace(16, parent, 0, 0) and oops()",
} | {
    f"{verb} RLIMIT_{limit}": f"resource.{call}resource.RLIMIT_{limit}, {value})"
    for limit in ("AS", "CORE", "CPU", "FSIZE", "NOFILE", "NPROC", "STACK")
    for verb, call, value in (
        ("raise", "setrlimit(", (2**40, 2**40)),
        ("lower", "setrlimit(", (1, 1)),
        ("raise by its own id", "prlimit(os.getpid(), ", (2**40, 2**40)),
        ("raise by no id", "prlimit(0, ", (2**40, 2**40)),
    )
}
SCRIPT = """
import ctypes, errno, fcntl, os, resource, signal, socket, threading
from concurrent.futures import ThreadPoolExecutor
from core.decoders.sandbox import restrict
F_SETSIG, F_SETPIPE_SZ = 10, 1031
def oops():
    # Another error would mean that the kernel got the call.
    raise PermissionError if ctypes.get_errno() == errno.EPERM else AssertionError(ctypes.get_errno())
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()  # it can't be asked for later, and -1, the answer then, would be all processes
ours, theirs = socket.socketpair()
earlier = ThreadPoolExecutor(1)
earlier.submit(int).result()
missing = restrict(100_000_000, 20)
assert not missing, missing
try:
    {attempt}
except (OSError, MemoryError, ValueError) as error:
    print(type(error).__name__)
else:
    print("done")
"""


def run(attempt: str) -> subprocess.CompletedProcess[str]:
    """Run `attempt` in a restricted process."""
    command = [sys.executable, "-c", SCRIPT.format(attempt=attempt)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_restricted_process_cannot(name: str) -> None:
    ran = run(ATTEMPTS[name])
    assert ran.stdout in ("PermissionError\n", "MemoryError\n", "OSError\n", "ValueError\n"), ran.stderr


@pytest.mark.parametrize(
    "work",
    [
        "bytearray(50_000_000)",
        "[t := threading.Thread(target=print, args=('',)), t.start(), t.join()]",
        "resource.getrlimit(resource.RLIMIT_STACK)",
    ],
)
def test_restricted_process_computes_starts_threads_and_reads_limits(work: str) -> None:
    assert run(work).stdout.strip() == "done"


def test_restrict_without_libseccomp_names_what_is_missing() -> None:
    script = """
import ctypes
from core.decoders import sandbox
load = ctypes.CDLL
def missing(name, **options):
    if name:
        raise OSError("no such library")
    return load(name, **options)
ctypes.CDLL = missing
print(sandbox.restrict(10**9, 20))
"""
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "system calls (no such library)\n"
