"""The blurred background has none of the object's colours, no grid, and the strength that is asked for."""

import numpy as np
import pytest

from core.output import render
from core.types import Array, UInt8Array

SIZE = (600, 800)
ROWS, COLUMNS = np.indices(SIZE)
DISTANCE = np.hypot(ROWS - 300, COLUMNS - 400)
DISC = np.where(DISTANCE < 150, 15, 0).astype(np.uint8)


def cut(photo: Array, blur: float = render.BLUR) -> Array:
    """Return the cut-out of the disc in `photo` on its blurred background, int [height, width, 3]."""
    image = render.cutout(photo.astype(np.uint8), DISC, "hard", "blur", blur)
    return np.asarray(image).astype(int)


def striped() -> UInt8Array:
    """Return a photo with vertical stripes of 20 pixels."""
    return np.repeat((COLUMNS // 20 % 2 * 200)[..., np.newaxis], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("blur", [0.001, 0.01, render.BLUR, 0.1])
def test_bright_object_does_not_glow_on_a_dark_background(blur: float) -> None:
    photo = np.full((*SIZE, 3), 40)
    photo[DISC != 0] = 230
    assert (cut(photo, blur)[DISC == 0] == 40).all()
    assert (cut(photo, blur)[DISC != 0] == 230).all()


def test_blurred_edge_between_two_colours_has_no_grid() -> None:
    photo = np.repeat(np.where(COLUMNS < 400, 40, 220)[..., np.newaxis], 3, axis=2)
    row = cut(photo)[20, :, 0]
    assert (np.diff(row) >= 0).all()
    # The largest slope of a Gaussian edge is its height over sqrt(2 pi) times the standard deviation, 20 pixels.
    assert np.diff(row).max() <= 180 / (2.5 * 20) + 1


def test_more_blur_leaves_less_contrast() -> None:
    contrasts = [np.ptp(cut(striped(), blur)[20, 100:700, 0]) for blur in (0, 0.005, render.BLUR)]
    assert contrasts[0] == 200
    assert contrasts[0] > contrasts[1] > contrasts[2]
    assert contrasts[2] < 10


def test_blur_of_a_photo_that_is_all_object_is_the_photo() -> None:
    photo = striped()
    image = render.cutout(photo, np.full(SIZE, 15, np.uint8), "soft", "blur")
    assert np.array_equal(np.asarray(image), photo)
