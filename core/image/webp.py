"""WebP: the chunks that pixels need (RFC 9649, 2.3 to 2.7)."""

import re
import struct
from collections.abc import Iterator

from core.errors import InvalidImage

HEADER = 12  # RIFF, the length of what follows, WEBP
METADATA, PIXELS = {b"ICCP", b"EXIF"}, {b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"}
FLAGS = re.compile(rb"RIFF.{4}WEBPVP8X\x0a\0\0\0(.)", re.DOTALL)
ANIMATION, ALPHA = 0x02, 0x10


def needed_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the header, the chunks that pixels need, and the whole ones of orientation and colours.

    Raises InvalidImage if pixels are cut.
    """
    yield 0, HEADER
    position = HEADER
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length
        if name in PIXELS and end > len(data):
            raise InvalidImage("the image is truncated: its pixels end behind the file; send a complete image file")
        if name in PIXELS or (name in METADATA and end <= len(data)):
            yield position, end + length % 2
        position = end + length % 2


def repaired(data: bytes) -> bytes:
    """Return the WebP file `data` with the length that it has, and its last chunk with the byte that makes it even.

    An animation gets the flag of alpha: without it, a canvas is black where its first picture does not cover it.
    """
    data += bytes(len(data) % 2)
    length = struct.pack("<I", len(data) - 8)
    if data[4:8] != length:
        data = data[:4] + length + data[8:]
    if (found := FLAGS.match(data)) and found[1][0] & ANIMATION:
        data = data[: found.start(1)] + bytes([found[1][0] | ALPHA]) + data[found.end(1) :]
    return data
