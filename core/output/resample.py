"""Pictures at other sizes, in parts: Pillow's own results, without its memory for whole pictures.

Pillow resamples each row, and then each column of the result; of a tall picture, it resamples the columns first. So it
can be given some of them at a time.
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
    if height > 2 * width:
        once = Image.new("RGB", (width, size[1]))
        for columns in pieces(0, width, PIXELS // height):
            part = Image.fromarray(image[:, columns])
            once.paste(part.resize((part.width, size[1]), Image.Resampling.BOX), (columns.start, 0))
    else:
        once = Image.new("RGB", (size[0], height))
        for rows in pieces(0, height, PIXELS // width):
            part = Image.fromarray(image[rows])
            once.paste(part.resize((size[0], part.height), Image.Resampling.BOX), (0, rows.start))
    return np.asarray(once.resize(size, Image.Resampling.BOX))


def enlarged(image: Image.Image, size: tuple[int, int]) -> Iterator[tuple[Tile, Image.Image]]:
    """Yield the parts of `image`, enlarged bilinearly to `size`, width and height, with their rows and columns."""
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
