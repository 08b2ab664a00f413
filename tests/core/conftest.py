"""Fixtures of the tests of core."""

from collections.abc import Iterator

import pytest
from PIL import Image

PIXEL_LIMIT = Image.MAX_IMAGE_PIXELS


@pytest.fixture(autouse=True)
def _restored_pixel_limit() -> Iterator[None]:
    """Restore Pillow's pixel limit after each test: decoding sets it for the whole process."""
    yield
    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
