"""GIF: the blocks that the pixels of its first picture need (GIF89a, 18 to 26)."""

from collections.abc import Iterator

HEADER, FLAGS = 13, 10  # the length of the header, and the position of the flags that tell the size of its palette
PICTURE, EXTENSION, TRANSPARENCY = b",", b"!", b"\xf9"
TRANSPARENCY_BYTES = 4


def needed_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the header, of extensions that make a colour transparent, and of all from a picture on.

    Bytes before the first picture that begin no block are skipped.
    """
    flags = data[FLAGS] if len(data) >= HEADER else 0
    position = HEADER + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    yield 0, position
    while data[position : position + 1] not in (PICTURE, b""):
        start = position
        position += 1
        if data[start:position] == EXTENSION:
            position += 1
            while length := int.from_bytes(data[position : position + 1]):
                position += 1 + length
            position += 1
            is_transparency = data[start + 1 : start + 2] == TRANSPARENCY and data[start + 2] >= TRANSPARENCY_BYTES
            if is_transparency:
                yield start, position
    yield position, len(data)
