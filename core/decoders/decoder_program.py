"""The program of a decoder process, which core.decoders.decoder_process starts.

It receives a Job with a file in memory, the upload, sends a Notice when it has read the file's header, and then an
Answer or a Failure, until its socket ends. The pixels are in memory that both processes share, and stay there until it
receives DONE. Its CPU time and its elapsed time are limited from outside.
"""

import json
import mmap
import os
import select
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from PIL import AvifImagePlugin, Image

from core.decoders.messages import (
    DONE,
    ERRORS,
    MAX_MESSAGE,
    MAX_TEXT,
    Answer,
    Failure,
    Job,
    Limits,
    Notice,
    cleaned,
    encoded,
)
from core.decoders.sandbox import restrict
from core.heap import limit_heap, trim_heap
from core.image.decode import read_image
from core.image.resize import resized

# Descriptors: three standard ones, the socket, the shared memory, and an upload.
FILES = 6
# Seconds after DONE in which the memory of the last image is kept for the next: allocating it again takes 1 ms per
# megabyte.
IDLE = 2.0
# Memory in bytes for an image, in addition to BYTES_PER_PIXEL for each of the pixels allowed: several copies of four
# bytes, or of six where a decoder keeps coefficients.
MEMORY, BYTES_PER_PIXEL = 150_000_000, 32
MAX_DECODER_THREADS = 4
# Rows of a photo are copied in pieces of this many bytes, which stay in the processor's cache.
PIECE = 300_000


def main() -> None:
    """Serve the socket and the shared memory whose descriptors are the first arguments.

    The others are the Limits.
    """
    descriptor, memory, *others = map(int, sys.argv[1:])
    limits = Limits(*others)
    control = socket.socket(fileno=descriptor)
    pixels = mmap.mmap(memory, os.fstat(memory).st_size)
    os.close(memory)
    limit_heap()
    warnings.simplefilter("ignore", append=True)
    AvifImagePlugin.DEFAULT_MAX_THREADS = MAX_DECODER_THREADS
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # the first to end if the machine runs out of memory
    control.send(restrict(MEMORY + BYTES_PER_PIXEL * limits.max_pixels, FILES).encode() or b"ok")
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
        job = Job(**json.loads(message))
        answer: Answer | Failure
        try:
            answer = answer_to(job, files[0], control, pixels, limits)
        except tuple(ERRORS.values()) as error:
            answer = Failure(job.job, type(error).__name__, cleaned(str(error), MAX_TEXT))
        except MemoryError:
            answer = Failure(job.job, "ImageTooLarge", "resizing the image takes too much memory")
        os.close(files[0])
        control.send(encoded(answer))


def answer_to(job: Job, upload_fd: int, control: socket.socket, pixels: mmap.mmap, limits: Limits) -> Answer:
    """Decode the file `upload_fd` and write the pixels of the model's image and the photo. Raises as read_image()."""
    photo = read_image(
        os.pread(upload_fd, job.size, 0),
        limits.max_pixels,
        None if job.keep_photo else limits.image_size,
        before_decoding=lambda size: control.send(encoded(Notice(job.job, size))),
    )
    image = resized(photo, limits.image_size, reduce_first=job.keep_photo)
    pixels.seek(0)
    _write(image, pixels)
    if job.keep_photo:
        _write(photo.image, pixels)
    # Memory that a larger image took before is not kept.
    end = -(-pixels.tell() // mmap.PAGESIZE) * mmap.PAGESIZE
    if end < len(pixels):
        pixels.madvise(mmap.MADV_REMOVE, end, len(pixels) - end)
    return Answer(job.job, image.size, photo.size)


def _write(image: Image.Image, pixels: mmap.mmap) -> None:
    """Append the pixels of `image`, RGB, to `pixels`."""
    rows = max(1, PIECE // (3 * image.width))
    for top in range(0, image.height, rows):
        pixels.write(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())


if __name__ == "__main__":
    main()
