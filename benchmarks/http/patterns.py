"""Pictures that are hard for what follows the inference: fine patterns, and very long ones.

The model finds objects in a photo, but hardly in a pattern. So a colour is added to the photo and subtracted, by turns.
Reduced to the size of the model, the photo is unchanged; at its own size, the edges of objects follow the pattern.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from core.types import Array, UInt8Array
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA

# Bool [height, width]: the sign with which the colour is added.
Pattern = Callable[[int, int], Array]
# Far from the colours of both photos, and between those of their objects and of their background.
COLOUR = np.array((80, -80, 0), np.int16)
# The photos, and how often they are repeated along a side: so many edges between objects and background as can be.
PHOTOS: dict[str, tuple[Path, int]] = {
    "chelsea": (CHELSEA, 1),
    "36 x chelsea": (CHELSEA, 6),
    "9 x astronaut": (ASTRONAUT, 3),
}
PANORAMA_WIDTH = 65_000
# Small objects are photos in the corners, of so many pixels for one of the picture's width.
CORNER = 0.2


def checks(side: int) -> Pattern:
    """Return a chess board with squares of `side` pixels."""
    return lambda height, width: (np.arange(height)[:, np.newaxis] // side ^ np.arange(width) // side) % 2 == 0


def comb(side: int) -> Pattern:
    """Return vertical bars of `side` pixels."""
    return lambda height, width: np.broadcast_to(np.arange(width) // side % 2 == 0, (height, width))


def noise(side: int) -> Pattern:
    """Return squares of `side` pixels with random signs."""

    def pattern(height: int, width: int) -> Array:
        signs: Array = np.random.default_rng(0).integers(0, 2, (-(-height // side), -(-width // side)), np.uint8) == 0
        return signs.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]

    return pattern


PATTERNS: dict[str, Pattern] = {
    **{f"checks of {side}": checks(side) for side in (1, 2, 4, 8, 16)},
    "a comb of 4": comb(4),
    "noise of 3": noise(3),
}
# Names of the pictures that take the most time, memory or points.
WORST = ("36 x chelsea, checks of 4", "9 x astronaut, noise of 3", "chelsea, a comb of 4", "noise", "one row")


def pictures(megapixels: float) -> Iterator[tuple[str, Callable[[], UInt8Array]]]:
    """Yield the name of each picture, and a function that returns it, uint8 [height, width, 3] in RGB."""
    pixels = int(megapixels * 1_000_000)
    width = math.isqrt(pixels * 4 // 3)
    size = width, pixels // width
    yield "noise", partial(random_pixels, *size)
    for name, pattern in PATTERNS.items():
        yield name, partial(patterned, pattern, np.full((1, 1, 3), 128, np.uint8), *size)
    for title, (path, times) in PHOTOS.items():
        with Image.open(path) as photo:
            one = np.asarray(photo.convert("RGB").resize((-(-size[0] // times), -(-size[1] // times))))
        yield title, partial(repeated, one, *size)
        for name, pattern in PATTERNS.items():
            yield f"{title}, {name}", partial(patterned, pattern, one, *size)
    yield "small objects", partial(corners, *size)
    yield "one row", partial(random_pixels, pixels, 1)
    yield "one column", partial(random_pixels, 1, pixels)
    yield "a panorama", partial(patterned, checks(4), one, PANORAMA_WIDTH, pixels // PANORAMA_WIDTH)


def random_pixels(width: int, height: int) -> UInt8Array:
    """Return random colours."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def corners(width: int, height: int) -> UInt8Array:
    """Return grey with a person in each corner: a second look takes the most time."""
    side = int(CORNER * width)
    with Image.open(ASTRONAUT) as photo:
        person = np.asarray(photo.convert("RGB").resize((side, side)))
    picture = np.full((height, width, 3), 128, np.uint8)
    for rows in (slice(None, side), slice(-side, None)):
        for columns in (slice(None, side), slice(-side, None)):
            picture[rows, columns] = person
    return picture


def repeated(photo: UInt8Array, width: int, height: int) -> UInt8Array:
    """Return `photo`, repeated as often as it takes, at `width` and `height`."""
    rows, columns = -(-height // photo.shape[0]), -(-width // photo.shape[1])
    return np.tile(photo, (rows, columns, 1))[:height, :width]


def patterned(pattern: Pattern, photo: UInt8Array, width: int, height: int) -> UInt8Array:
    """Return repeated() with COLOUR added or subtracted, as `pattern` tells."""
    result = repeated(photo, width, height).copy()
    signs = pattern(height, width)
    for top in range(0, height, 64):
        rows = slice(top, top + 64)
        result[rows] = (result[rows] + np.where(signs[rows, :, np.newaxis], COLOUR, -COLOUR)).clip(0, 255)
    return result


def png(picture: UInt8Array) -> bytes:
    """Return `picture` as a PNG, without loss."""
    return encode(Image.fromarray(picture), "PNG", compress_level=1)
