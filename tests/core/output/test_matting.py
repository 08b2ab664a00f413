"""Soft alpha channels and the colours of the foreground."""

import numpy as np
from PIL import Image, ImageFilter

from core.output.matting import Foreground, soft_alpha
from core.output.tiles import pieces
from core.types import UInt8Array
from tests.core.output.test_refine import scene


def colours(photo: UInt8Array, alpha: UInt8Array) -> UInt8Array:
    """Return the colours of the foreground of the whole `photo`."""
    return Foreground(photo, alpha).colours((slice(0, photo.shape[0]), slice(0, photo.shape[1])))


def test_soft_alpha_is_opaque_inside_and_transparent_outside() -> None:
    photo, truth = scene()
    alpha = soft_alpha(truth, photo)
    far = np.asarray(Image.fromarray((truth != 0) * np.uint8(255)).filter(ImageFilter.MinFilter(15)))
    near = np.asarray(Image.fromarray((truth != 0) * np.uint8(255)).filter(ImageFilter.MaxFilter(15)))
    assert (alpha[far == 255] == 255).all()
    assert (alpha[near == 0] == 0).all()


def test_soft_alpha_follows_the_edge_of_the_photo() -> None:
    photo, truth = scene()
    shifted = np.roll(truth, 2, axis=1)
    true_alpha = (truth != 0) * 255.0
    hard = np.abs((shifted != 0) * 255.0 - true_alpha).mean()
    assert np.abs(soft_alpha(shifted, photo) - true_alpha).mean() < hard


def test_soft_alpha_of_nothing_and_of_everything_is_constant() -> None:
    photo, truth = scene()
    assert not soft_alpha(np.zeros_like(truth), photo).any()
    assert (soft_alpha(np.ones_like(truth), photo) == 255).all()


def test_foreground_removes_the_background_colour_from_the_rim() -> None:
    _, truth = scene()
    alpha = np.asarray(Image.fromarray((truth != 0) * np.uint8(255)).filter(ImageFilter.GaussianBlur(2)))
    share = alpha[..., np.newaxis] / 255
    red, green = np.array([200.0, 30, 30]), np.array([30.0, 180, 40])
    photo = np.rint(share * red + (1 - share) * green).astype(np.uint8)
    rim = (alpha > 60) & (alpha < 255)
    before, after = (np.abs(image[rim] - red).mean() for image in (photo.astype(float), colours(photo, alpha)))
    assert after < 0.35 * before


def test_foreground_leaves_other_pixels_and_the_photo_unchanged() -> None:
    photo, truth = scene()
    alpha = np.asarray(Image.fromarray((truth != 0) * np.uint8(255)).filter(ImageFilter.GaussianBlur(2)))
    before = photo.copy()
    result = colours(photo, alpha)
    hard = (alpha == 0) | (alpha == 255)
    assert np.array_equal(result[hard], photo[hard])
    assert np.array_equal(photo, before)


def test_foreground_of_tiles_is_that_of_the_whole() -> None:
    photo, truth = scene()
    alpha = np.asarray(Image.fromarray((truth != 0) * np.uint8(255)).filter(ImageFilter.GaussianBlur(2)))
    foreground, result = Foreground(photo, alpha), np.zeros_like(photo)
    for rows in pieces(0, photo.shape[0], 30):
        for columns in pieces(0, photo.shape[1], 50):
            result[rows, columns] = foreground.colours((rows, columns))
    assert np.array_equal(result, colours(photo, alpha))
