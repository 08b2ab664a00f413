"""PNG: the chunks that pixels need, and the colours that they tell (PNG 3, Portable Network Graphics)."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

import numpy as np
from PIL import PngImagePlugin

from core.image.code_points import PNG_CURVES, PRIMARIES, SRGB, check_transfer, matrix_profile, power

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEPTH, COLOUR = 24, 25  # the positions of the bits per sample and of the type of colour
PALETTE = b"\3"  # a type of colour
# The optional chunks that change pixels, with the only length that they may have, if there is one. The names of
# optional chunks begin with a small letter.
OPTIONAL = {b"tRNS": None, b"iCCP": None, b"eXIf": None, b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
TRANSPARENT_LENGTHS = {0: range(2, 3), 2: range(6, 7), 3: range(1, 257)}  # by the type of colour
# Bytes of a colour profile: as much as the segments of a JPEG can hold.
MAX_PROFILE = PngImagePlugin.MAX_TEXT_CHUNK = 255 * 65_519
RGB_OF_FULL_RANGE = b"\0\1"  # the end of a chunk cICP
GAMMA_OF_SRGB = 45_455


def needed_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the chunks that pixels need, and of the first good one of each kind in OPTIONAL.

    Behind the first pixels, others count for nothing. Raises UnsupportedImage for HDR colours.
    """
    yield 0, len(SIGNATURE)
    seen = set[bytes]()
    for name, start, end in _chunks(data):
        is_optional = name[:1].islower() or (name == b"PLTE" and data[COLOUR : COLOUR + 1] != PALETTE)
        is_first = name in OPTIONAL and name not in seen
        if name in (b"IDAT", b"IEND") or (
            b"IDAT" not in seen and (not is_optional or (is_first and _is_good(name, data[start:end], data[COLOUR])))
        ):
            yield start, end
            seen.add(name)


def repaired(data: bytes) -> bytes:
    """Return the PNG file `data` with the length that its last chunk has: Pillow wants a cut one behind all pixels."""
    for _, start, end in _chunks(data):
        if end > len(data):
            return data[:start] + struct.pack(">I", len(data) - start - 8) + data[start + 4 :]
    return data


def told_profile(data: bytes, *, has_profile: bool) -> bytes:
    """Return the ICC profile of the colours that the PNG file `data`, without metadata, tells by numbers; b"" if none.

    The first of cICP, iCCP, sRGB and gAMA decides (PNG 3, 4.3); cHRM alone tells nothing.
    """
    before_pixels = takewhile(lambda chunk: chunk[0] != b"IDAT", _chunks(data))
    chunks = {name: data[start + 8 : end - 4] for name, start, end in before_pixels}
    code = chunks.get(b"cICP", bytes(4))
    if code[0] in PRIMARIES and code[1] in PNG_CURVES and code[2:] == RGB_OF_FULL_RANGE:
        return matrix_profile(PRIMARIES[code[0]], PNG_CURVES[code[1]])
    gamma = int.from_bytes(chunks.get(b"gAMA", b""))
    if has_profile or not gamma or chunks.get(b"sRGB", b"\xff") <= b"\3":  # it is an intent of rendering, 0 to 3
        return b""
    primaries, is_srgb = PRIMARIES[1], gamma == GAMMA_OF_SRGB
    if b"cHRM" in chunks:
        white_x, white_y, *colours = (number / 100_000 for number in struct.unpack(">8I", chunks[b"cHRM"]))
        with suppress(ValueError):
            told = (*colours, white_x, white_y)
            matrix_profile(told, SRGB)
            is_srgb = is_srgb and np.allclose(told, primaries, atol=1e-3)
            primaries = told
    return b"" if is_srgb else matrix_profile(primaries, power(100_000 / gamma))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the names of the chunks in the PNG file `data`, and their start and end."""
    position = len(SIGNATURE)
    while position + 8 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        yield data[position + 4 : position + 8], position, end
        position = end


def _is_good(name: bytes, chunk: bytes, colour: int) -> bool:
    """Return whether Pillow can use an optional `chunk` of a PNG of this type of `colour`. Raises UnsupportedImage."""
    content = chunk[8:-4]
    if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]) or OPTIONAL[name] not in (None, len(content)):
        return False
    if name == b"cICP":
        check_transfer("PNG", content[1])
    if name == b"tRNS":
        return len(content) in TRANSPARENT_LENGTHS.get(colour, ())
    if name == b"iCCP":
        _, _, method_and_profile = content.partition(b"\0")
        decoder = zlib.decompressobj()
        with suppress(zlib.error):
            is_deflated = method_and_profile[:1] == b"\0"
            return is_deflated and decoder.decompress(method_and_profile[1:], MAX_PROFILE) != b"" and decoder.eof
        return False
    return True
