"""A fake engine, models with small images, and helpers that occupy the workers of a queue."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.decoders.decoder_pool import DecoderPool
from core.model import ModelWrapper
from core.runtime.queue import RequestQueue
from core.types import EngineOptions, Prediction, UInt8Array
from core.weights.registry import MOBILE, custom_weights
from tests.support.service import wait_for

# A deadline, in seconds, that no request of these tests exceeds, even on a slow machine.
NEVER = 3600


class FakeEngine:
    """An engine that finds background everywhere; tests replace its methods."""

    has_logits = False

    def run(self, image: UInt8Array) -> UInt8Array:
        return np.zeros(image.shape[:2], np.uint8)

    def predict(self, image: UInt8Array) -> Prediction:
        return Prediction(self.run(image), None, 1)

    def prepare(self, image: UInt8Array) -> None:
        self.run(image)


def new_model(queue: RequestQueue | None = None, labels: Path | None = None) -> ModelWrapper:
    """Return a model with an image size of 64 pixels."""
    return ModelWrapper(
        custom_weights(MOBILE, labels),
        EngineOptions(threads=1),
        queue or RequestQueue(2, 2, NEVER),
        DecoderPool(64, 10**6, NEVER),
    )


def loaded_model(queue: RequestQueue | None = None) -> ModelWrapper:
    """Return the model of new_model() after it has loaded."""
    model = new_model(queue)
    model.loading.result()
    return model


@contextmanager
def blocked(queue: RequestQueue) -> Iterator[threading.Event]:
    """Occupy all workers of `queue` until the context ends or the event is set."""
    release = threading.Event()
    jobs = [queue.submit(release.wait) for _ in range(queue.workers)]
    try:
        yield release
    finally:
        release.set()
        for job in jobs:
            job.result()


def wait_until_waiting(queue: RequestQueue, requests: int) -> None:
    """Wait until `requests` requests wait in `queue`."""
    wait_for(lambda: queue.waiting == requests)
