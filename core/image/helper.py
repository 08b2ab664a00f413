"""A helper process: decodes images for core.image.reader, which starts it as `python -m core.image.helper`.

It receives a Job with two files in memory, the upload and one for the pixels, and sends an Answer, until its socket
ends. Messages are JSON.
"""

import json
import math
import mmap
import os
import resource
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
# Descriptors: three standard ones, the socket, two files per job, and a copy of one while it is mapped.
FILES = 7
# Memory in bytes for an image, in addition to BYTES_PER_PIXEL for each of the pixels allowed: several copies of four
# bytes, or of six where a decoder keeps coefficients.
MEMORY, BYTES_PER_PIXEL = 150_000_000, 32
# CPU time in seconds for an image, in addition to that for each megapixel: a small multiple of what the slowest format
# takes on a slow machine.
CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL = 3, 0.4
MAX_DECODER_THREADS = 4
# Rows of a photo are copied in pieces of this many bytes, which stay in the processor's cache.
PIECE = 500_000


@dataclass(frozen=True, slots=True)
class Job:
    """The size of an upload in bytes, the long side of the model's image, and whether the photo is wanted too."""

    size: int
    long_side: int
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
    """Serve the socket whose descriptor is the first argument; the second is the number of pixels allowed."""
    control, max_pixels = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    limit_heap()
    Image.init()
    warnings.simplefilter("ignore", append=True)
    AvifImagePlugin.DEFAULT_MAX_THREADS = MAX_DECODER_THREADS
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # the first to end if the machine runs out of memory
    control.send(restrict(MEMORY + BYTES_PER_PIXEL * max_pixels, FILES).encode() or b"ok")
    while True:
        message, files, _, _ = socket.recv_fds(control, MAX_MESSAGE, 2)
        if not message:
            return
        upload, pixels = files
        try:
            answer = _answer(Job(**json.loads(message)), upload, pixels, max_pixels)
        except SegmenterError as error:
            # A message can quote the file; in JSON, each of its characters takes up to six bytes.
            answer = Answer(error=type(error).__name__, message=str(error)[: MAX_MESSAGE // 8])
        except MemoryError:
            answer = Answer(error="ImageTooLarge", message="resizing the image takes too much memory")
        finally:
            os.close(upload)
            os.close(pixels)
            trim_heap()
        control.send(json.dumps(asdict(answer)).encode())


def _answer(job: Job, upload: int, pixels: int, max_pixels: int) -> Answer:
    """Decode the file `upload` and write its pixels, RGB, to the file `pixels`: the model's image, then the photo."""
    data = os.pread(upload, job.size, 0)
    _limit_cpu((0, 0))
    min_long_side = None if job.keep_photo else job.long_side
    photo = read_image(data, max_pixels, min_long_side, before_decoding=_limit_cpu)
    image = resized(photo, job.long_side, reduce_first=job.keep_photo)
    kept = [image, photo.image] if job.keep_photo else [image]
    with mmap.mmap(pixels, sum(3 * part.width * part.height for part in kept)) as target:
        for part in kept:
            _write(part, target)
    return Answer(image.size, photo.size)


def _limit_cpu(size: tuple[int, int]) -> None:
    """Let the kernel end this process if it takes more CPU time than an image of `size` may take."""
    seconds = CPU_SECONDS + CPU_SECONDS_PER_MEGAPIXEL * size[0] * size[1] / 1e6
    limit = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _write(image: Image.Image, target: mmap.mmap) -> None:
    """Append the pixels of `image`, RGB, to `target`."""
    rows = max(1, PIECE // (3 * image.width))
    for top in range(0, image.height, rows):
        target.write(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())


if __name__ == "__main__":
    main()
