"""The first inferences of an engine: TensorFlow compiles each input shape at its first inference, in each thread."""

import time
from typing import TYPE_CHECKING

import numpy as np

from core.image.resize import fitted
from core.runtime.queue import RequestQueue
from core.types import UInt8Array

if TYPE_CHECKING:
    from core.runtime.engine import Engine

# Time limit, in seconds, for the warm-up. Each prepared shape saves its first request some hundredths of a second.
MAX_SECONDS = 5.0
# The aspect ratios of common cameras and screens.
SHAPES = ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16))


def warm_up(engine: "Engine", queue: RequestQueue, image_size: int) -> None:
    """Prepare `engine` for images of `image_size` pixels, in each worker of `queue`. One of the workers calls this."""
    # One job for each of the other workers makes all of them compile before the first request.
    others = [queue.submit(_prepare, engine, image_size) for _ in range(queue.workers - 1)]
    _prepare(engine, image_size)
    for other in others:
        other.result()


def blank(image_size: int, shape: tuple[int, int] = SHAPES[0]) -> UInt8Array:
    """Return a black image, uint8 [height, width, 3], with the aspect ratio of `shape`, width and height.

    It is as large as those of requests: its long side has `image_size` pixels.
    """
    width, height = fitted(shape, image_size)
    return np.zeros((height, width, 3), np.uint8)


def _prepare(engine: "Engine", image_size: int) -> None:
    began_at = time.monotonic()
    for shape in SHAPES:
        engine.prepare(blank(image_size, shape))
        if time.monotonic() - began_at > MAX_SECONDS:
            break
