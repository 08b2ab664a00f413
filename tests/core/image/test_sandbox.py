"""What a process can't do any more after restrict()."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

ATTEMPTS = {
    "open a file": "open('/etc/hostname')",
    "write a file": "open('/tmp/segmenter-sandbox', 'w')",
    "list a folder": "os.listdir('/')",
    "remove a file": "os.unlink('/tmp/segmenter-sandbox')",
    "open a TCP socket": "socket.socket()",
    "open a UDP socket": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "fork": "os.fork()",
    "start a program": "os.execv('/bin/true', ['true'])",
    "end its parent": "os.kill(os.getppid(), signal.SIGKILL)",
    "change a limit of its parent": "resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0))",
    "raise its memory": "resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))",
    "use more memory": "bytearray(200_000_000)",
    "make a file in memory": "os.memfd_create('more')",
    "trace its parent": "ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0) and oops()",
}
SCRIPT = """
import ctypes, os, resource, signal, socket, threading
from core.image.sandbox import restrict
def oops():
    raise OSError(ctypes.get_errno(), "ptrace")
missing = restrict(100_000_000, 8)
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
    "work", ["bytearray(50_000_000)", "[t := threading.Thread(target=print, args=('',)), t.start(), t.join()]"]
)
def test_restricted_process_computes_and_starts_threads(work: str) -> None:
    assert run(work).stdout.strip() == "done"


def test_restrict_without_libseccomp_names_what_is_missing() -> None:
    script = """
import ctypes
from core.image import sandbox
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
