"""A child process with a socket, shared memory and a pipe for what it prints. No method here waits without a limit."""

import fcntl
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

from core.decoders.messages import MAX_MESSAGE, WrongMessage

ROOT = Path(__file__).parents[2]
# Seconds in which a killed process ends, as a rule.
MAX_END_SECONDS = 5.0
# What the process prints, such as a C library's warnings, goes to a pipe that holds 64 KB. When it is full, the rest is
# lost.
MAX_PRINTED = 1 << 16
# Variables by which an installation outside of the usual folders finds its interpreter and its shared libraries.
PYTHON_AND_LIBRARIES = ("PYTHONHOME", "LD_LIBRARY_PATH")


class Child:
    """A process that runs Python with `arguments`: the program, descriptors of its socket and memory, and `limits`.

    `memory`, uint8 [`room`], is writable there and read-only here. The process ends with this object. Raises OSError if
    the system starts none.
    """

    def __init__(self, program: Sequence[str], room: int, limits: Sequence[int]) -> None:
        with ExitStack() as opened:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            opened.enter_context(self._socket)
            self._socket.setblocking(False)
            read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self._output = opened.enter_context(open(read_end, "rb", buffering=0))
            memory = opened.enter_context(memory_file(room))
            self.memory = np.frombuffer(mmap.mmap(memory, room, prot=mmap.PROT_READ), np.uint8)
            with theirs, open(write_end, "wb", buffering=0) as printing, _signals_blocked():
                descriptors = [theirs.fileno(), memory]
                self._process = subprocess.Popen(  # noqa: S603 - a module of this package
                    [sys.executable, *program, *map(str, (*descriptors, *limits))],
                    cwd=ROOT,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=printing,
                    stderr=printing,
                    pass_fds=descriptors,
                )
            self._finalizer = weakref.finalize(self, _end, self._process, opened.pop_all())
        self.started_at = time.monotonic()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def is_ended(self) -> bool:
        """Whether end() was called, or this process ends."""
        return not self._finalizer.alive

    def end(self) -> None:
        """End the process, however it behaves."""
        self._finalizer()

    def status(self, seconds: float = 0.0) -> str:
        """Return the exit status, or the name of the signal, with which the process ends in `seconds`; "" if not."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return ""
        names = {-number: number.name for number in signal.Signals}
        return names.get(status) or (f"signal {-status}" if status < 0 else f"status {status}")

    def cpu_seconds(self) -> float:
        """Return the CPU time of all threads of the process; 0 if it has ended."""
        with suppress(OSError):
            # Python has no clock_getcpuclockid(3). In Linux, this is the clock that it returns.
            return time.clock_gettime(~self.pid << 3 | 2)
        return 0.0

    def threads(self) -> int:
        """Return the number of threads of the process; 0 if it has ended."""
        with suppress(OSError):
            return os.stat(f"/proc/{self.pid}/task").st_nlink - 2  # a folder for each, "." and ".."
        return 0

    def send(self, message: bytes, *files: int) -> None:
        """Send `message` with the descriptors `files`. Raises OSError, at once, if the process receives nothing."""
        socket.send_fds(self._socket, [message], files)

    def receive(self, seconds: float) -> bytes | None:
        """Return the next message; b"" if the process closed its socket, and None if neither happens in `seconds`.

        Raises WrongMessage for one of more than MAX_MESSAGE bytes, or with descriptors, which the kernel closes.
        """
        messages = select.poll()
        messages.register(self._socket, select.POLLIN)
        if not messages.poll(1000 * seconds):
            return None
        try:
            message, _, flags, _ = self._socket.recvmsg(MAX_MESSAGE)
        except ConnectionError:
            return b""
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise WrongMessage("a message is too long or has files")
        return message

    def printed(self) -> list[str]:
        """Return the lines that the process printed since the last call, MAX_PRINTED bytes at most."""
        return (self._output.read(MAX_PRINTED) or b"").decode(errors="replace").splitlines()


@contextmanager
def memory_file(size: int = 0) -> Iterator[int]:
    """Yield the descriptor of a file of `size` bytes that is only in memory, and close it.

    The size of a file that is not empty can't be changed: reading behind its end would end the process.
    """
    file = os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        if size:
            os.truncate(file, size)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        yield file
    finally:
        os.close(file)


def _environment() -> dict[str, str]:
    """Return the variables of the process: no secrets, but what finds Python, its packages and their libraries.

    sys.path has what PYTHONPATH and the folders of the user add to an installation, relative to this folder.
    """
    given = {name: os.environ[name] for name in PYTHON_AND_LIBRARIES if name in os.environ}
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    return {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": paths} | given


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block the signals of a terminal or a service manager in this thread, and in a program that it starts.

    They are for the process that serves. A blocked signal stays blocked in the program, which ends with its socket.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _end(process: subprocess.Popen[bytes], opened: ExitStack) -> None:
    """End `process` and close what connects it."""
    opened.close()
    process.kill()
    # The kernel holds a killed process longer only where that can do no harm, such as at a disk that does not answer.
    with suppress(subprocess.TimeoutExpired):
        process.wait(MAX_END_SECONDS)
