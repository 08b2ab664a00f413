"""Pictures that cover another size: those of Pillow's fit(), in tiles."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from core.output.cover import covered
from core.output.tiles import PIXELS
from core.types import UInt8Array


def whole(picture: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Return `picture` as covered() yields it for `size`, width and height."""
    result = np.zeros((size[1], size[0], 3), np.uint8)
    for tile, part in covered(picture, size):
        assert part.shape[0] * part.shape[1] <= PIXELS
        assert not result[tile].any(), "tiles do not overlap"
        result[tile] = part
    return result


@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((90, 60), (90, 60)),
        ((90, 60), (600, 400)),
        ((90, 60), (400, 600)),
        ((400, 90), (200, 150)),
        ((90, 400), (200, 150)),
        ((700, 500), (300, 210)),
        ((3, 2), (500, 40)),
        ((640, 480), (1, 7)),
    ],
)
def test_covered_picture_is_scaled_and_cropped_at_its_centre(size: tuple[int, int], target: tuple[int, int]) -> None:
    noise = np.random.default_rng(3).integers(1, 256, (max(1, size[1] // 9), max(1, size[0] // 9), 3), np.uint8)
    picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
    picture = picture.point(lambda value: max(value, 1))
    expected = np.asarray(ImageOps.fit(picture, target, Image.Resampling.LANCZOS)).astype(int)
    difference = np.abs(whole(np.asarray(picture), target) - expected)
    # The last picture is reduced first.
    assert difference.mean() < (8 if max(size) > 4 * max(target) else 0.3)
    assert difference.max() <= (30 if max(size) > 4 * max(target) else 2)


def test_covered_picture_has_no_seams_between_tiles() -> None:
    gradient = np.repeat(np.linspace(1, 255, 300, dtype=np.uint8)[:, np.newaxis, np.newaxis], 200, axis=1)
    result = whole(np.repeat(gradient, 3, axis=2), (800, 1200)).astype(int)
    assert result.shape[0] * result.shape[1] > 5 * PIXELS
    steps = np.diff(result[:, 0, 0])
    assert (steps.min(), steps.max()) == (0, 1)


def test_covered_picture_of_one_column_covers_a_photo() -> None:
    result = whole(np.full((100_000, 1, 3), 77, np.uint8), (60, 40))
    assert (result == 77).all()
