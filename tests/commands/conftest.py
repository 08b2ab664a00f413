"""Fixtures of the tests of the commands."""

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
