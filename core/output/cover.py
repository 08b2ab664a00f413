"""A picture that covers another size, as a background does."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from core.output.resample import reduced
from core.output.tiles import Tile, tiles
from core.types import UInt8Array

# A picture that has more pixels than this for one of the result, along a side, is reduced first, to half as many: that
# is faster, and a tile needs few of its pixels.
REDUCED_FROM, REDUCED_TO = 4.0, 2.0
SUPPORT = 3  # pixels on either side that the LANCZOS filter reads for one


def covered(picture: UInt8Array, size: tuple[int, int]) -> Iterator[tuple[Tile, UInt8Array]]:
    """Yield the tiles of `picture`, uint8 [height, width, 3], scaled to cover `size`, a width and height.

    Its sides keep their proportion, and what exceeds `size` is cut off equally on both sides (CSS Images 3, 5.5:
    object-fit: cover).
    """
    scale = _scale(picture, size)
    if scale > REDUCED_FROM:
        picture = reduced(picture, math.ceil(max(picture.shape[:2]) * REDUCED_TO / scale))
        scale = _scale(picture, size)
    starts = [(have - scale * wanted) / 2 for have, wanted in zip(picture.shape[:2], size[::-1], strict=True)]
    margin = SUPPORT * max(1.0, scale)
    for tile in tiles(size[1], size[0]):
        part, box = [], []
        for axis, places in enumerate(tile):
            begin, end = starts[axis] + scale * places.start, starts[axis] + scale * places.stop
            first, last = max(0, math.floor(begin - margin)), min(picture.shape[axis], math.ceil(end + margin))
            part.append(slice(first, last))
            box.append((max(0.0, begin - first), min(float(last), end) - first))
        (top, bottom), (left, right) = box
        shape = tile[1].stop - tile[1].start, tile[0].stop - tile[0].start
        image = Image.fromarray(picture[part[0], part[1]])
        yield tile, np.asarray(image.resize(shape, Image.Resampling.LANCZOS, (left, top, right, bottom)))


def _scale(picture: UInt8Array, size: tuple[int, int]) -> float:
    """Return the pixels of `picture` along a side for one of the result."""
    height, width = picture.shape[:2]
    scale: float = min(width / size[0], height / size[1])
    return scale
