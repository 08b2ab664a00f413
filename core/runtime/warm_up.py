"""The first inferences of an engine: TensorFlow compiles each input shape at its first inference, in each thread."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from core.image.resize import fitted
from core.runtime.queue import RequestQueue
from core.types import UInt8Array

if TYPE_CHECKING:
    from core.runtime.engine import Engine

logger = logging.getLogger(__name__)

# Time limit, in seconds, for the warm-up of a worker. Each prepared shape saves its first request some hundredths of a
# second.
MAX_SECONDS = 5.0
# The aspect ratios of common cameras and screens. The first is prepared before the service is ready.
SHAPES = ((4, 3), (3, 4), (1, 1), (3, 2), (2, 3), (16, 9), (9, 16))


def warm_up(
    loading: "Future[Engine]", queue: RequestQueue, image_size: int, until: Callable[[], bool] = lambda: False
) -> None:
    """Let each worker of `queue` prepare the engine for images of `image_size` pixels, between requests.

    They stop when `until` returns True. `loading` is a job of the queue. If it fails, nothing is prepared.
    """
    turn = Lock()  # of one worker at a time: two images at once would take more memory than requests do

    def prepare(shapes: Iterator[tuple[int, int]], seconds: float) -> None:
        """Prepare for the next of `shapes`, until a request waits for a worker or that took `seconds`."""
        engine = loading.result()
        for shape in shapes:
            with turn:
                if until():
                    return
                began_at = time.monotonic()
                try:
                    engine.prepare(blank(image_size, shape))
                except Exception:
                    # A request of this shape gets the error, and tells whether the session is broken.
                    logger.exception("the warm-up failed at an image of %d : %d", *shape)
                seconds -= time.monotonic() - began_at
            if seconds < 0:
                return
            if queue.waiting:
                queue.submit(prepare, shapes, seconds)
                return

    for _ in range(queue.workers):
        queue.submit(prepare, iter(SHAPES), MAX_SECONDS)


def blank(image_size: int, shape: tuple[int, int] = SHAPES[0]) -> UInt8Array:
    """Return a black image, uint8 [height, width, 3], with the aspect ratio of `shape`, width and height.

    It is as large as those of requests: its long side has `image_size` pixels.
    """
    width, height = fitted(shape, image_size)
    return np.zeros((height, width, 3), np.uint8)
