"""Fixtures of the tests of api."""

from collections.abc import Iterator
from threading import Event

import pytest
from flask import Flask

from config import Settings
from core.model import ModelWrapper
from core.runtime.queue import RequestQueue
from core.types import EngineOptions
from segmenter import find_weights
from tests.support.application import application


@pytest.fixture(scope="module")
def loading_app() -> Iterator[Flask]:
    """An application whose model is still loading: the worker that must load it is occupied."""
    release = Event()
    queue = RequestQueue(workers=1, size=1, timeout=1)
    queue.submit(release.wait)
    model = ModelWrapper(find_weights(Settings()), EngineOptions(1), queue, image_size=513, max_pixels=10**6)
    yield application(model)
    model.loading.cancel()
    release.set()
