"""Pictures that are resampled in parts equal those that Pillow resamples as a whole."""

import numpy as np
import pytest
from PIL import Image

from core.output import tiles
from core.output.resample import enlarged, reduced
from core.types import UInt8Array

RANDOM = np.random.default_rng(8)


def joined(image: Image.Image, size: tuple[int, int]) -> UInt8Array:
    """Return the parts of enlarged() in one array."""
    result = np.zeros((size[1], size[0]), np.asarray(image).dtype)
    for tile, part in enlarged(image, size):
        result[tile] = np.asarray(part)
    return result


@pytest.mark.parametrize("size", [(300, 200), (200, 301), (180, 400), (200, 500), (1, 500), (500, 1), (3000, 7)])
def test_reduced_equals_reduction_of_the_whole(size: tuple[int, int]) -> None:
    image = RANDOM.integers(0, 256, (size[1], size[0], 3), np.uint8)
    small = reduced(image, 64)
    assert max(small.shape) <= 64
    expected = Image.fromarray(image).resize((small.shape[1], small.shape[0]), Image.Resampling.BOX)
    assert np.array_equal(small, np.asarray(expected))


def test_reduced_of_a_small_picture_is_the_picture() -> None:
    image = RANDOM.integers(0, 256, (7, 9, 3), np.uint8)
    assert np.array_equal(reduced(image, 64), image)


@pytest.mark.parametrize("size", [(2000, 900), (513, 700), (31, 900), (900, 23)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_enlarged_equals_enlargement_of_the_whole(size: tuple[int, int], dtype: type[np.generic]) -> None:
    image = Image.fromarray((RANDOM.random((23, 31)) * 255).astype(dtype))
    assert np.array_equal(joined(image, size), np.asarray(image.resize(size, Image.Resampling.BILINEAR)))


@pytest.mark.parametrize("size", [(1, 900), (900, 1), (5, 4)])
def test_enlarged_to_a_shorter_side_is_the_whole_up_to_rounding(size: tuple[int, int]) -> None:
    image = Image.fromarray(RANDOM.random((23, 31), np.float32))
    assert joined(image, size) == pytest.approx(np.asarray(image.resize(size, Image.Resampling.BILINEAR)), abs=1e-6)


def test_enlarged_in_blocks_has_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "BLOCK_SIDE", 100)
    image = Image.fromarray(RANDOM.random((23, 31), np.float32))
    expected = np.asarray(image.resize((510, 333), Image.Resampling.BILINEAR))
    assert np.abs(joined(image, (510, 333)) - expected).max() < 1e-4
