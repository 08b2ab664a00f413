"""Reads images in decoder processes, so that no file can harm the process that serves."""

import logging
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from core.checkpoint import checkpoint
from core.decoders.decoder_process import DecoderProcess
from core.decoders.messages import Answer, Limits, ProcessLost
from core.errors import DecoderLost, InvalidImage, MemoryFull, ModelError
from core.types import NO_OBSERVER, Observer, UInt8Array

logger = logging.getLogger(__name__)

# Seconds in which a file is decoded, or the process is stuck, where requests have no deadline.
MAX_SECONDS = 600.0
# Seconds between two looks at idle processes.
LOOK_SECONDS = 1.0
# Seconds between two looks whether a request that waits for a process is still wanted.
CHECK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo: `image`, resized for the model, `photo`, at its own size, and `size`, the photo's width and height.

    Both are uint8 [height, width, 3], upright sRGB. `photo` is `image` if the photo itself was not wanted. `background`
    is the picture behind its cut-out, if there is one (see core.decoders.background).
    """

    image: UInt8Array
    photo: UInt8Array
    size: tuple[int, int]
    background: UInt8Array | None = None


class DecoderPool:
    """Decodes images and resizes them to a long side of `image_size` pixels, in processes that all threads share.

    A file of more than `max_pixels` is rejected. A process is replaced if it takes longer than `timeout` seconds for a
    file, at most MAX_SECONDS, or too much CPU time, if it ends, or if it breaks a rule; `observer` is told why.
    """

    def __init__(
        self,
        image_size: int,
        max_pixels: int,
        timeout: float,
        processes: int = 1,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self.limits = Limits(image_size, max_pixels)
        self.timeout = min(timeout, MAX_SECONDS)
        self.processes = [DecoderProcess(self.limits) for _ in range(processes)]
        self._observer = observer
        self._idle: SimpleQueue[DecoderProcess] = SimpleQueue()
        for process in self.processes:
            self._idle.put(process)
        threading.Thread(target=_look_at_idle, args=[weakref.ref(self)], name="decoders", daemon=True).start()

    def wait_until_ready(self) -> None:
        """Wait for the processes to start. Raises ModelError if one doesn't; logs what could not be dropped."""
        processes = [self._take() for _ in self.processes]
        try:
            for missing in {self._prepare(process) for process in processes} - {""}:
                logger.warning("this system does not let the image decoder give up %s", missing)
        except ProcessLost as lost:
            raise ModelError(f"{lost}: {lost.details}") from lost
        except OSError as error:
            raise ModelError(f"the image decoder does not start: {error}") from error
        finally:
            for process in processes:
                self._idle.put(process)

    @contextmanager
    def read(self, upload: bytes, *, keep_photo: bool = False) -> Iterator[Picture]:
        """Yield the photo in the image file `upload` (see core.image.decode). Its pixels stay until the block ends.

        With `keep_photo` the photo is also there at its own size. Raises as read_image(), InvalidImage if decoding
        takes too much CPU time, DecoderLost if the process is lost in another way, MemoryFull if this system gives no
        memory, file or process for the image, and what checkpoint() raises.
        """
        process = self._take()
        try:
            picture = self._read(process, upload, keep_photo=keep_photo)
            try:
                yield picture
            finally:
                process.release()
        finally:
            self._idle.put(process)

    def check_idle(self) -> None:
        """Replace the idle processes that are lost, so that no request has to wait for others to start."""
        for _ in self.processes:
            with suppress(Empty):
                process = self._idle.get_nowait()
                try:
                    # One that did not even start is left to the next request, which reports it.
                    if self._is_lost(process) and process.is_ready:
                        with suppress(OSError):
                            process.start()
                finally:
                    self._idle.put(process)

    def _take(self) -> DecoderProcess:
        """Return an idle process, as soon as there is one."""
        while True:
            with suppress(Empty):
                return self._idle.get(timeout=CHECK_SECONDS)
            checkpoint()

    def _prepare(self, process: DecoderProcess) -> str:
        """Let the idle `process` be ready; return what it could not give up. Raises ProcessLost or OSError."""
        if self._is_lost(process) or not process.is_started:
            process.start()
        return process.wait_until_ready()

    def _is_lost(self, process: DecoderProcess) -> bool:
        """Return whether the idle `process` is lost, and end it then."""
        try:
            if process.is_started:
                process.check_idle()
        except ProcessLost as lost:
            self._end(process, lost)
            return True
        return False

    def _end(self, process: DecoderProcess, lost: ProcessLost) -> None:
        logger.warning("%s", ": ".join(filter(None, [str(lost), lost.details])))
        self._observer.count_loss(lost.loss)
        process.end()

    def _read(self, process: DecoderProcess, upload: bytes, *, keep_photo: bool) -> Picture:
        try:
            self._prepare(process)
            return _picture(*process.read(upload, self.timeout, keep_photo=keep_photo), keep_photo=keep_photo)
        except ProcessLost as lost:
            self._end(process, lost)
            if lost.loss == "cpu":
                raise InvalidImage(f"{lost}; save the image again as a plain JPEG or PNG") from lost
            raise DecoderLost(
                f"{lost}; try again later; if it happens again with the same image, "
                "save it again as a plain JPEG or PNG"
            ) from lost
        except OSError as error:
            raise MemoryFull(f"the image can't be decoded now: {error}; try again later") from error
        finally:
            if not process.is_started:
                with suppress(OSError):  # the next image tries again, and reports it
                    process.start()


def _picture(answer: Answer, pixels: UInt8Array, *, keep_photo: bool) -> Picture:
    """Return the parts of `pixels` that `answer` describes."""
    start, arrays = 0, []
    for width, height in [answer.image, answer.photo] if keep_photo else [answer.image]:
        end = start + 3 * width * height
        arrays.append(pixels[start:end].reshape(height, width, 3))
        start = end
    return Picture(arrays[0], arrays[-1], answer.photo)


def _look_at_idle(pool: "weakref.ref[DecoderPool]") -> None:
    """Let `pool` check its idle processes, again and again, until it is gone."""
    while True:
        time.sleep(LOOK_SECONDS)
        found = pool()
        if not found:
            return
        found.check_idle()
        del found
