"""Fixtures of the tests of the commands."""

import signal
from collections.abc import Iterator

import pytest

from config import Settings
from core.model import ModelWrapper
from segmenter import create_model
from tests.support.service import TIMEOUT


@pytest.fixture(scope="session")
def small_model() -> ModelWrapper:
    """The bundled model for images of 65 pixels, loaded."""
    model = create_model(Settings(image_size=65, threads=2, request_timeout=TIMEOUT))
    model.loading.result(TIMEOUT)
    return model


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Restore the handlers of SIGINT and SIGTERM, which watch replaces, after the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
