"""A decoder process, as the process that serves sees it: not trusted, since a file may have taken it over."""

import logging
import secrets
import time
from contextlib import suppress

from core.checkpoint import checkpoint
from core.decoders.child import Child, memory_file
from core.decoders.exchange import CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL, Exchange
from core.decoders.messages import (
    DONE,
    ERRORS,
    Answer,
    Failure,
    Job,
    Limits,
    ProcessLost,
    WrongMessage,
    cleaned,
    encoded,
)
from core.types import UInt8Array

logger = logging.getLogger(__name__)

# The program of the process; tests run others.
PROGRAM = ("-m", "core.decoders.decoder_program")
# A decoder process starts in a third of a second; a machine that is busy or slow takes longer.
MAX_START_SECONDS = 120.0
# Seconds in which a process that has closed its socket ends: it does so because it ends, as a rule.
MAX_CLOSE_SECONDS = 2.0
# Seconds between two looks at a job: at its CPU time, its elapsed time, and whether its result is still wanted.
LOOK_SECONDS = 0.1
# Elapsed time is counted in looks. One that took longer was a pause of this process too, and not the decoder's fault.
MAX_LOOK_SECONDS = 1.0
# Decoders start four threads at most. Thousands would leave none to the process that serves.
MAX_THREADS = 64
# Of what a process prints, MAX_LINES lines per image are logged, the first ones and the last, each cut to MAX_LINE
# characters.
MAX_LINES, MAX_LINE = 3, 200
IDLE = "while it was idle"


class DecoderProcess:
    """A decoder process for photos and a model within `limits`.

    It is used by one thread at a time. Call end() after a ProcessLost, and start() to replace it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._child.pid

    def start(self) -> None:
        """Start a process. Raises OSError if the system starts none."""
        image_size, max_pixels = self._limits
        # Room for the largest image. The kernel gives memory to what is written to.
        self._child = Child(PROGRAM, 3 * (max_pixels + image_size * image_size), self._limits)
        self._missing: str | None = None
        self._idle_cpu = 0.0  # CPU time when the process became idle

    def end(self) -> None:
        """End the process."""
        self._child.end()

    @property
    def is_started(self) -> bool:
        """Whether end() was not called since start()."""
        return not self._child.is_ended

    @property
    def is_ready(self) -> bool:
        """Whether the process that runs, or was ended last, has told that it can decode."""
        return self._missing is not None

    def wait_until_ready(self) -> str:
        """Wait for the process to start; return which privilege it could not drop. Raises ProcessLost if it doesn't."""
        while self._missing is None:
            self._look_at_start(LOOK_SECONDS)
            checkpoint()
        return self._missing

    def check_idle(self) -> None:
        """Raise ProcessLost if the process, which has no job, ended or does anything else than wait for one."""
        if status := self._child.status():
            raise ProcessLost("crash", f"the decoder ended with {status} {IDLE}")
        if not self.is_ready:
            self._look_at_start(0)
        if not self.is_ready:
            return
        if (message := self._child.receive(0)) is not None:
            raise ProcessLost("answer", f"the decoder sent a message {IDLE}") if message else self._closed(IDLE)
        self._check_costs(self._idle_cpu + CPU_SECONDS, f"the decoder took CPU time {IDLE}")

    def read(self, upload: bytes, timeout: float, *, keep_photo: bool) -> tuple[Answer, UInt8Array]:
        """Return the answer about the image file `upload`, and the memory with its pixels, which stay until release().

        Raises as core.image.decode.read_image(), OSError, ProcessLost, and what checkpoint() raises. The process is
        ended unless it has answered: its answer must not come while another job waits for one.
        """
        with memory_file() as upload_fd:
            with open(upload_fd, "wb", closefd=False) as file:
                file.write(upload)
            try:
                answer = self._ask(Job(secrets.token_hex(8), len(upload), keep_photo), upload_fd, timeout)
            except BaseException:
                self._log_printed()
                self.end()
                raise
        self._log_printed()
        self._idle_cpu = self._child.cpu_seconds()
        if isinstance(answer, Failure):
            raise ERRORS[answer.error](answer.message)
        return answer, self._child.memory

    def release(self) -> None:
        """Tell the process that the pixels of the last image are not needed any more."""
        with suppress(OSError):  # check_idle() finds a lost process
            self._child.send(DONE)

    def _ask(self, job: Job, upload_fd: int, timeout: float) -> Answer | Failure:
        """Send `job` with its file and return the answer. Raises ProcessLost."""
        exchange = Exchange(job.job, self._limits)
        cpu_before = self._child.cpu_seconds()
        try:
            self._child.send(encoded(job), upload_fd)
        except BlockingIOError:
            raise ProcessLost("answer", "the decoder does not receive images") from None
        except ConnectionError:
            raise self._closed() from None
        limit = f"{CPU_SECONDS} seconds of CPU time, and {CPU_SECONDS_PER_MEGAPIXEL} per megapixel"
        waited = 0.0
        while True:
            looked_at = time.monotonic()
            message = self._child.receive(LOOK_SECONDS)
            if message == b"":
                raise self._closed()
            if message and (answer := exchange.accept(message)):
                return answer
            checkpoint()
            self._check_costs(cpu_before + exchange.cpu_seconds, f"decoding the image takes more than {limit}")
            waited += min(time.monotonic() - looked_at, MAX_LOOK_SECONDS)
            if waited > timeout:
                raise ProcessLost("timeout", f"the image was not decoded within {timeout:g} seconds")

    def _check_costs(self, cpu_seconds: float, message: str) -> None:
        """Raise ProcessLost with `message` for more `cpu_seconds` than these, or WrongMessage for too many threads."""
        if self._child.cpu_seconds() > cpu_seconds:
            raise ProcessLost("cpu", message)
        if (threads := self._child.threads()) > MAX_THREADS:
            raise WrongMessage(f"it has started {threads} threads")

    def _look_at_start(self, seconds: float) -> None:
        """Wait at most `seconds` for the process to be ready. Raises ProcessLost if it won't be."""
        message = self._child.receive(seconds)
        if message:
            self._idle_cpu = self._child.cpu_seconds()
            text = cleaned(message.decode(errors="replace"), MAX_LINE)
            self._missing = "" if text == "ok" else text
        elif message == b"" or time.monotonic() > self._child.started_at + MAX_START_SECONDS:
            raise ProcessLost("crash", "the image decoder does not start", " ".join(self._lines()))

    def _closed(self, when: str = "at this image") -> ProcessLost:
        """Return why the process closed its socket."""
        deadline = time.monotonic() + MAX_CLOSE_SECONDS
        while time.monotonic() < deadline:
            if status := self._child.status(LOOK_SECONDS):
                return ProcessLost("crash", f"the decoder ended with {status} {when}")
            checkpoint()
        return ProcessLost("answer", f"the decoder closed its socket {when}")

    def _log_printed(self) -> None:
        for line in self._lines():
            logger.warning("the image decoder printed: %s", line)

    def _lines(self) -> list[str]:
        """Return the first lines that the process printed since the last call, and the last one."""
        lines = self._child.printed()
        if len(lines) > MAX_LINES:
            lines[MAX_LINES - 1 : -1] = []
        return [cleaned(line, MAX_LINE) for line in lines]
