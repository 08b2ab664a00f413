"""Fixtures of the tests of core."""

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _pixel_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore Pillow's pixel limit after each test: decoding sets it for the whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
