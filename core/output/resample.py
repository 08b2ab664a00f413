"""Pictures at other sizes, in parts: Pillow's own results, without its memory for whole pictures.

Pillow resamples rows first, and then columns, so that it can be given some rows of the one, and some columns of the
other.
"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from core.output.tiles import PIXELS, Tile, blocks, pieces
from core.types import UInt8Array

# Columns of a part at least: the weights of the rows are computed for each part.
MIN_COLUMNS = 256


def reduced(image: UInt8Array, long_side: int) -> UInt8Array:
    """Return `image`, uint8 [height, width, 3], box-filtered to a long side of at most `long_side` pixels."""
    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    narrow = Image.new("RGB", (size[0], height))
    for rows in pieces(0, height, PIXELS // width):
        part = Image.fromarray(image[rows])
        narrow.paste(part.resize((size[0], part.height), Image.Resampling.BOX), (0, rows.start))
    return np.asarray(narrow.resize(size, Image.Resampling.BOX))


def enlarged(image: Image.Image, size: tuple[int, int]) -> Iterator[tuple[Tile, Image.Image]]:
    """Yield the place of each part of `image`, enlarged bilinearly to `size`, width and height, and the part."""
    across, down = image.width / size[0], image.height / size[1]
    for rows, columns in blocks(size[1], size[0]):
        count, height = columns.stop - columns.start, rows.stop - rows.start
        box = columns.start * across, 0, columns.stop * across, image.height
        wide = image.resize((count, image.height), Image.Resampling.BILINEAR, box)
        for part in pieces(0, count, max(MIN_COLUMNS, PIXELS // height)):
            narrow = wide.crop((part.start, 0, part.stop, wide.height))
            box = 0, rows.start * down, narrow.width, rows.stop * down
            tile = rows, slice(columns.start + part.start, columns.start + part.stop)
            yield tile, narrow.resize((narrow.width, height), Image.Resampling.BILINEAR, box)
