"""GIF: the blocks that the pixels of its first picture need (GIF89a, 18 to 26)."""

import re
from collections.abc import Iterator

HEADER, FLAGS = 13, 10  # the length of the header, and the position of the flags that tell the size of its palette
# The beginning of a picture, or of an extension: one that makes a colour transparent has four bytes at least.
PICTURE, BLOCK = b",", re.compile(rb",|!(\xf9[\4-\xff])?")


def needed_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the header, of extensions that make a colour transparent, and of all from a picture on.

    Bytes before the first picture that begin no block are skipped.
    """
    flags = data[FLAGS] if len(data) >= HEADER else 0
    position = HEADER + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    yield 0, position
    while (found := BLOCK.search(data, position)) and found[0] != PICTURE:
        position = found.start() + 2
        while length := int.from_bytes(data[position : position + 1]):
            position += 1 + length
        position += 1
        if found[1]:
            yield found.start(), position
    yield found.start() if found else len(data), len(data)
