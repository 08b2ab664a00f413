"""The parts of a picture that are computed at a time: the memory beside it is theirs, however long or wide it is.

Work stops between them when nobody waits for its result. New memory costs more time than the arithmetic on it, so that
small parts are faster too.
"""

from collections.abc import Iterator

from core.checkpoint import checkpoint

# Rows and columns of a picture.
Tile = tuple[slice, slice]

# Pixels of a tile: few enough for the processor's cache, and so many that the calls between them cost little.
PIXELS = 1 << 17
# The side of a block, in pixels: no camera's photo is longer, so that nearly all pictures are one block.
BLOCK_SIDE = 1 << 14


def pieces(start: int, stop: int, most: int) -> Iterator[slice]:
    """Yield consecutive slices from `start` to `stop`, of at most `most` items, or one: as few and as equal as can be.

    Calls checkpoint() before each.
    """
    length = stop - start
    count = -(-length // max(most, 1))
    for number in range(count):
        checkpoint()
        yield slice(start + number * length // count, start + (number + 1) * length // count)


def tiles(height: int, width: int) -> Iterator[Tile]:
    """Yield the tiles of a picture, from the top: whole rows of at most PIXELS pixels, or parts of longer rows."""
    for rows in pieces(0, height, PIXELS // width):
        for columns in pieces(0, width, PIXELS):
            yield rows, columns


def blocks(height: int, width: int) -> Iterator[Tile]:
    """Yield the blocks of a picture, from the top, with at most BLOCK_SIDE rows and columns.

    What depends on the row or the column alone is computed once for a block.
    """
    for rows in pieces(0, height, BLOCK_SIDE):
        for columns in pieces(0, width, BLOCK_SIDE):
            yield rows, columns
