"""Fixtures of the tests of core."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from PIL import Image

from core.decoders.decoder_pool import DecoderPool, Picture
from tests.support.fake_engine import FakeEngine

PIXEL_LIMIT = Image.MAX_IMAGE_PIXELS


@pytest.fixture(autouse=True)
def _restored_pixel_limit() -> Iterator[None]:
    """Restore Pillow's pixel limit after each test: decoding sets it for the whole process."""
    yield
    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine of the models that new_model() returns."""
    engine = FakeEngine()
    monkeypatch.setattr("core.runtime.engine.Engine", lambda graph, options: engine)
    # It has no memory to return, and a collection of all that the tests have in memory takes a while.
    monkeypatch.setattr("core.model.release_memory", lambda: None)
    return engine


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that have decoded an image, one for each decoding."""
    threads: list[str] = []

    def counted(*arguments: Any, **options: Any) -> AbstractContextManager[Picture]:
        threads.append(threading.current_thread().name)
        return read(*arguments, **options)

    read = DecoderPool.read
    monkeypatch.setattr(DecoderPool, "read", counted)
    return threads
