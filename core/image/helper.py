"""A helper process: decodes images for core.image.reader, which starts it as `python -m core.image.helper`.

It receives a Job with a file in memory, the upload, and sends an Answer, until its socket ends. The pixels are in
memory that both processes share, and stay there until the reader sends DONE. Messages are JSON.
"""

import json
import math
import mmap
import os
import resource
import select
import socket
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import AvifImagePlugin, Image

from core.errors import SegmenterError
from core.heap import limit_heap, trim_heap
from core.image.decode import read_image
from core.image.resize import resized
from core.image.sandbox import restrict

MAX_MESSAGE = 4096
DONE = b"done"
# Descriptors: three standard ones, the socket, the shared memory, and an upload.
FILES = 6
# Seconds after DONE in which the memory of the last image is kept for the next: getting it anew takes a millisecond per
# megabyte.
IDLE = 2.0
# Memory in bytes for an image, in addition to BYTES_PER_PIXEL for each of the pixels allowed: several copies of four
# bytes, or of six where a decoder keeps coefficients.
MEMORY, BYTES_PER_PIXEL = 150_000_000, 32
# CPU time in seconds for an image, in addition to that for each megapixel: a small multiple of what the slowest format
# takes on a slow machine.
CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL = 3, 0.4
MAX_DECODER_THREADS = 4
# Rows of a photo are copied in pieces of this many bytes, which stay in the processor's cache.
PIECE = 300_000


@dataclass(frozen=True, slots=True)
class Job:
    """The size of an upload in bytes, and whether the photo is wanted in addition to the model's image."""

    size: int
    keep_photo: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The width and height of the model's image, of the photo as sent, and whether the photo follows the image.

    With `error`, the name of a class in core.errors, there are no pixels.
    """

    image: tuple[int, int] = (0, 0)
    photo: tuple[int, int] = (0, 0)
    error: str = ""
    message: str = ""


def main() -> None:
    """Serve the socket and the shared memory whose descriptors are the first arguments.

    The third is the long side of the model's image, the fourth the number of pixels that a photo may have.
    """
    descriptor, memory, long_side, max_pixels = map(int, sys.argv[1:])
    control = socket.socket(fileno=descriptor)
    pixels = mmap.mmap(memory, os.fstat(memory).st_size)
    os.close(memory)
    limit_heap()
    Image.init()
    warnings.simplefilter("ignore", append=True)
    AvifImagePlugin.DEFAULT_MAX_THREADS = MAX_DECODER_THREADS
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # the first to end if the machine runs out of memory
    control.send(restrict(MEMORY + BYTES_PER_PIXEL * max_pixels, FILES).encode() or b"ok")
    messages = select.poll()
    messages.register(control, select.POLLIN)
    while True:
        message, files, _, _ = socket.recv_fds(control, MAX_MESSAGE, 1)
        if not message:
            return
        if message == DONE:
            if not messages.poll(1000 * IDLE):
                pixels.madvise(mmap.MADV_REMOVE)
                trim_heap()
            continue
        try:
            answer = _answer(Job(**json.loads(message)), files[0], pixels, long_side, max_pixels)
        except SegmenterError as error:
            # A message can quote the file; in JSON, each of its characters takes up to six bytes.
            answer = Answer(error=type(error).__name__, message=str(error)[: MAX_MESSAGE // 8])
        except MemoryError:
            answer = Answer(error="ImageTooLarge", message="resizing the image takes too much memory")
        os.close(files[0])
        control.send(json.dumps(asdict(answer)).encode())


def _answer(job: Job, upload: int, pixels: mmap.mmap, long_side: int, max_pixels: int) -> Answer:
    """Decode the file `upload` and write the pixels of the model's image, and of the photo. Raises as read_image()."""
    _limit_cpu((0, 0))
    data = os.pread(upload, job.size, 0)
    photo = read_image(data, max_pixels, None if job.keep_photo else long_side, before_decoding=_limit_cpu)
    image = resized(photo, long_side, reduce_first=job.keep_photo)
    pixels.seek(0)
    _write(image, pixels)
    if job.keep_photo:
        _write(photo.image, pixels)
    # Memory that a larger image took before is not kept.
    end = -(-pixels.tell() // mmap.PAGESIZE) * mmap.PAGESIZE
    if end < len(pixels):
        pixels.madvise(mmap.MADV_REMOVE, end, len(pixels) - end)
    return Answer(image.size, photo.size)


def _limit_cpu(size: tuple[int, int]) -> None:
    """Let the kernel end this process if it takes more CPU time than an image of `size` may take."""
    seconds = CPU_SECONDS + CPU_SECONDS_PER_MEGAPIXEL * size[0] * size[1] / 1e6
    limit = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _write(image: Image.Image, pixels: mmap.mmap) -> None:
    """Append the pixels of `image`, RGB, to `pixels`."""
    rows = max(1, PIECE // (3 * image.width))
    for top in range(0, image.height, rows):
        pixels.write(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())


if __name__ == "__main__":
    main()
