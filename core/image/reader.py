"""Reads images in helper processes, so that no file can harm the process that serves."""

import fcntl
import json
import logging
import math
import mmap
import os
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from core.errors import ImageTooLarge, InvalidImage, MemoryFull, ModelError, UnsupportedImage
from core.image.helper import CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL, DONE, MAX_MESSAGE, Answer, Job
from core.types import HelperLoss, UInt8Array

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
# A helper starts in a third of a second; a machine that is busy or slow takes longer.
MAX_START_SECONDS = 120.0
# What a helper prints, such as a C library's warnings, goes to a pipe that holds 64 KB. When it is full, the rest is
# lost. So many lines per image are logged, the first ones and the last, of so many characters.
MAX_LINES, MAX_LINE = 3, 200

ERRORS = {error.__name__: error for error in (InvalidImage, UnsupportedImage, ImageTooLarge)}


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo: `image`, resized for the model, `photo`, at its own size, and `size`, the photo's width and height.

    Both are uint8 [height, width, 3], upright sRGB. `photo` is `image` if the photo itself was not wanted.
    """

    image: UInt8Array
    photo: UInt8Array
    size: tuple[int, int]


class HelperLost(Exception):
    """The helper ended, or was ended, during a job."""

    def __init__(self, loss: HelperLoss, message: str) -> None:
        super().__init__(f"{message}; save the image again as a plain JPEG or PNG")
        self.loss = loss


class ImageReader:
    """Decodes images, and resizes them to `long_side` pixels, in `helpers` processes; its threads share them.

    A file of more than `max_pixels` is rejected. A helper that takes longer than `timeout` seconds for a file, or
    too much CPU time, or that crashes, is replaced; `on_loss` is told why. The timeout math.inf is no limit.
    """

    def __init__(
        self,
        long_side: int,
        max_pixels: int,
        timeout: float,
        helpers: int = 1,
        on_loss: Callable[[HelperLoss], None] = lambda loss: None,
    ) -> None:
        self.long_side = long_side
        self.max_pixels = max_pixels
        self.timeout = timeout
        self.helpers = [Helper(long_side, max_pixels) for _ in range(helpers)]
        self._on_loss = on_loss
        self._idle: SimpleQueue[Helper] = SimpleQueue()
        for helper in self.helpers:
            self._idle.put(helper)

    def wait_until_ready(self) -> None:
        """Wait for the helpers to start. Raises ModelError if they do not; logs what they could not give up."""
        for missing in {helper.wait_until_ready() for helper in self.helpers} - {""}:
            logger.warning("this system does not let the image decoder give up %s", missing)

    @contextmanager
    def read(self, data: bytes, *, keep_photo: bool = False) -> Iterator[Picture]:
        """Yield the photo in the image file `data`; see core.image.decode. Its pixels can be used until the block ends.

        With `keep_photo` the photo is also there at its own size. Raises as read_image(), InvalidImage if the helper is
        lost, and MemoryFull if this system gives no memory, file or process for the image.
        """
        helper = self._idle.get()
        try:
            yield self._read(helper, data, keep_photo=keep_photo)
            helper.release()
        finally:
            self._idle.put(helper)

    def _read(self, helper: "Helper", data: bytes, *, keep_photo: bool) -> Picture:
        try:
            if not helper.is_alive():
                self._on_loss("crash")  # while it was idle: no file is at fault
                helper.restart()
            return helper.read(data, self.timeout, keep_photo=keep_photo)
        except HelperLost as error:
            logger.warning("%s", error)
            self._on_loss(error.loss)
            with suppress(OSError):  # the next image tries again, and reports it
                helper.restart()
            raise InvalidImage(str(error)) from error
        except (OSError, ModelError) as error:
            raise MemoryFull(f"the image can't be decoded now: {error}; try again later") from error


class Helper:
    """A helper process, which starts again when it is lost."""

    def __init__(self, long_side: int, max_pixels: int) -> None:
        self._arguments = str(long_side), str(max_pixels)
        # Room for the largest image. The kernel gives memory to what is written to.
        self._room = 3 * (max_pixels + long_side * long_side)
        self._missing: str | None = None
        self._start()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def restart(self) -> None:
        """End the process and start another one. Raises OSError if the system starts none."""
        self._end()
        self._start()

    def wait_until_ready(self) -> str:
        """Wait for the process to start; return what it could not give up. Raises ModelError if it does not start."""
        if self._missing is None:
            self._control.settimeout(MAX_START_SECONDS)
            try:
                started = self._control.recv(MAX_MESSAGE).decode()
            except OSError:
                started = ""
            if not started:
                raise ModelError(f"the image decoder does not start: {' '.join(self._lines())}")
            self._missing = "" if started == "ok" else started
        return self._missing

    def read(self, data: bytes, timeout: float, *, keep_photo: bool) -> Picture:
        """Return the photo in `data`. Raises as ImageReader.read() or HelperLost."""
        self.wait_until_ready()
        with _memory_file() as upload:
            with open(upload, "wb", closefd=False) as file:
                file.write(data)
            try:
                answer = self._ask(Job(len(data), keep_photo), upload, timeout)
            finally:
                for line in self._lines():
                    logger.warning("the image decoder printed: %s", line)
        if answer.error:
            raise ERRORS[answer.error](answer.message)
        return _picture(self._pixels, answer, keep_photo=keep_photo)

    def release(self) -> None:
        """Tell the process that the pixels of the last image are not needed any more."""
        with suppress(OSError):  # a lost process is noticed at the next image
            self._control.send(DONE)

    def _start(self) -> None:
        with ExitStack() as opened:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            opened.enter_context(self._control)
            read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            self._printed = opened.enter_context(open(read_end, "rb", buffering=0))
            memory = opened.enter_context(_memory_file(self._room))
            self._pixels = np.frombuffer(mmap.mmap(memory, self._room, prot=mmap.PROT_READ), np.uint8)
            with theirs, open(write_end, "wb", buffering=0) as printing, _signals_blocked():
                descriptors = [theirs.fileno(), memory]
                self._process = subprocess.Popen(  # noqa: S603 - a module of this package
                    [sys.executable, "-m", "core.image.helper", *map(str, descriptors), *self._arguments],
                    cwd=ROOT,
                    env={"PYTHONDONTWRITEBYTECODE": "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=printing,
                    stderr=printing,
                    pass_fds=descriptors,
                )
            self._missing = None
            self._end = weakref.finalize(self, _end, self._process, opened.pop_all())

    def _ask(self, job: Job, upload: int, timeout: float) -> Answer:
        """Send `job` with its file and return the answer. Raises HelperLost."""
        self._control.settimeout(None if math.isinf(timeout) else timeout)
        try:
            socket.send_fds(self._control, [json.dumps(asdict(job)).encode()], [upload])
            answer = self._control.recv(MAX_MESSAGE)
        except TimeoutError:
            raise HelperLost("timeout", f"the image was not decoded within {timeout:g} seconds") from None
        except ConnectionError:
            answer = b""
        if answer:
            return Answer(**json.loads(answer))
        status = self._process.wait()
        if status == -signal.SIGXCPU:
            limit = f"{CPU_SECONDS} seconds of CPU time, and {CPU_SECONDS_PER_MEGAPIXEL} per megapixel"
            raise HelperLost("cpu", f"decoding the image takes more than {limit}")
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        raise HelperLost("crash", f"the decoder ended with {name} at this image")

    def _lines(self) -> list[str]:
        """Return the first lines that the process printed since the last call, and the last one."""
        printed = self._printed.read(1 << 16) or b""
        lines = printed.decode(errors="replace").splitlines()
        if len(lines) > MAX_LINES:
            lines[MAX_LINES - 1 : -1] = []
        return [line[:MAX_LINE] for line in lines]


def _picture(pixels: UInt8Array, answer: Answer, *, keep_photo: bool) -> Picture:
    """Return the part of `pixels` that `answer` describes. Raises HelperLost if it describes what can't be."""
    start, arrays = 0, []
    for width, height in [answer.image, answer.photo] if keep_photo else [answer.image]:
        end = start + 3 * width * height
        if min(width, height) < 1 or end > pixels.size:
            raise HelperLost("crash", "the decoder gave a wrong answer at this image")
        arrays.append(pixels[start:end].reshape(height, width, 3))
        start = end
    width, height = answer.photo
    return Picture(arrays[0], arrays[-1], (width, height))


@contextmanager
def _memory_file(size: int = 0) -> Iterator[int]:
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
    process.wait()
