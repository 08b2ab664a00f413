"""The size of the resized image, and its content."""

import numpy as np
import pytest
from PIL import Image

from core.image.decode import Photo
from core.image.resize import resized


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1200, 600), (513, 256)),
        ((600, 1200), (256, 513)),
        ((513, 513), (513, 513)),
        ((100, 75), (513, 384)),
        ((1, 2000), (1, 513)),
        ((65000, 1), (513, 1)),
        ((1, 1), (513, 513)),
        ((3024, 4032), (384, 513)),
    ],
)
def test_resized_has_size_of_original_service(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized(Photo(Image.new("RGB", size), size), 513).size == expected


def test_resized_of_photo_decoded_smaller_has_aspect_ratio_of_photo_as_sent() -> None:
    # A JPEG of 2000 x 1001 pixels, decoded at a half, has 1000 x 501 pixels.
    photo = Photo(Image.new("RGB", (1000, 501)), (2000, 1001))
    assert resized(photo, 1000).size == (1000, 500)


def test_resized_uses_lanczos_filter() -> None:
    image = Image.fromarray(np.random.default_rng(4).integers(0, 256, (90, 120, 3), np.uint8))
    expected = image.resize((40, 30), Image.Resampling.LANCZOS)
    assert resized(Photo(image, image.size), 40).tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", [(120, 90), (199, 3)])
def test_resized_with_reduce_first_of_small_image_uses_lanczos_filter_only(size: tuple[int, int]) -> None:
    image = Image.fromarray(np.random.default_rng(4).integers(0, 256, (*size[::-1], 3), np.uint8))
    photo = Photo(image, size)
    assert resized(photo, 100, reduce_first=True).tobytes() == resized(photo, 100).tobytes()


@pytest.mark.parametrize("size", [(200, 150), (333, 500), (1001, 667), (2000, 3)])
def test_resized_with_reduce_first_of_large_image_is_like_lanczos_filter(size: tuple[int, int]) -> None:
    gradient = Image.linear_gradient("L")
    bands = [gradient.resize(size), gradient.rotate(90).resize(size), gradient.rotate(180).resize(size)]
    photo = Photo(Image.merge("RGB", bands), size)
    expected, reduced = (np.asarray(resized(photo, 100, reduce_first=first)).astype(int) for first in (False, True))
    assert reduced.shape == expected.shape
    assert np.abs(reduced - expected).max() <= 3
