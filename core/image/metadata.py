"""Removes what decoding does not need from a JPEG or PNG file, so that damaged or large metadata can't prevent it."""

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress

from PIL import PngImagePlugin

from core.errors import UnsupportedImage
from core.image.code_points import check_transfer

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MARKER = re.compile(rb"\xff([^\0\xff])", re.DOTALL)
SOS, WITHOUT_LENGTH = 0xDA, {0x01, *range(0xD0, 0xD9)}
METADATA_SEGMENTS = {*range(0xE0, 0xF0), 0xFE}
# The application segments that change pixels, and the bytes that they have at least: JFIF, the orientation, the colour
# profile and the kind of CMYK.
KEPT_SEGMENTS = ((0xE0, b"JFIF\0", 14), (0xE1, b"Exif\0\0", 6), (0xE2, b"ICC_PROFILE\0", 14), (0xEE, b"Adobe", 12))
EXIF = KEPT_SEGMENTS[1]
# Start-of-frame markers (ITU T.81, table B.1), without those of arithmetic coding, and the ones that are decoded.
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
DECODED_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_COLOUR = 25  # the position of the type of colour
# The optional chunks that change pixels; the names of optional ones begin with a small letter.
COLOUR_LENGTHS = {b"cICP": 4, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
OPTIONAL_CHUNKS = {b"tRNS", b"iCCP", b"eXIf", *COLOUR_LENGTHS}
WEBP_FLAGS = re.compile(rb"RIFF.{4}WEBPVP8X\x0a\0\0\0(.)", re.DOTALL)
ANIMATION, ALPHA = 0x02, 0x10
# Bytes of a colour profile: as much as the segments of a JPEG can hold.
MAX_PROFILE = PngImagePlugin.MAX_TEXT_CHUNK = 255 * 65_519


def without_metadata(data: bytes) -> bytes:
    """Return the JPEG or PNG file `data` without its metadata, and any other file unchanged.

    An animated WebP gets the flag of alpha: without it, a canvas is black where its first picture does not cover it.

    Orientation, colour profile and transparency stay. Raises UnsupportedImage for a JPEG whose coding is not decoded.
    """
    if data.startswith(SOI):
        parts = _jpeg_parts(data)
    elif data.startswith(PNG_SIGNATURE):
        parts = _png_parts(data)
    elif (found := WEBP_FLAGS.match(data)) and found[1][0] & ANIMATION:
        return data[: found.start(1)] + bytes([found[1][0] | ALPHA]) + data[found.end(1) :]
    else:
        return data
    kept: list[tuple[int, int]] = []
    for start, end in parts:
        first = kept.pop()[0] if kept and kept[-1][1] == start else start
        kept.append((first, end))
    return b"".join(data[start:end] for start, end in kept)


def _jpeg_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of all but the metadata before the first scan; bytes between segments are skipped."""
    yield 0, len(SOI)
    position, has_exif = len(SOI), False
    while found := MARKER.search(data, position):
        marker, start = found[1][0], found.end() + 2
        position = found.start()
        if marker == SOS:
            break
        if marker in WITHOUT_LENGTH:
            position = found.end()
            continue
        end = found.end() + max(2, int.from_bytes(data[found.end() : start]))  # as libjpeg takes a length below 2
        if marker in FRAMES:
            _check_frame(marker, data[start:end])
        kind = next((kind for kind in KEPT_SEGMENTS if kind[0] == marker and data.startswith(kind[1], start)), None)
        # Pillow joins the segments of long EXIF in quadratic time; the orientation is in the first.
        is_whole = kind is not None and end - start >= kind[2] and not (kind == EXIF and has_exif)
        has_exif = has_exif or kind == EXIF
        if is_whole or marker not in METADATA_SEGMENTS:
            yield position, end
        position = end
    yield position, len(data)


def _check_frame(marker: int, frame: bytes) -> None:
    """Raise UnsupportedImage if a JPEG with this start of frame is not decoded."""
    if len(frame) < 6:
        return  # a damaged file, which the decoder describes
    precision, components = frame[0], frame[5]
    if marker not in DECODED_FRAMES:
        raise UnsupportedImage("lossless and hierarchical JPEG are not served; save as baseline or progressive JPEG")
    if precision != 8:
        raise UnsupportedImage(f"JPEG with {precision} bits per sample is not served; save with 8 bits")
    if components not in (1, 3, 4):
        raise UnsupportedImage(f"JPEG with {components} components is not served; save as grey, colour or CMYK")


def _png_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of the chunks that pixels need, and of the first good one of each optional kind before them.

    Raises UnsupportedImage for HDR colours.
    """
    yield 0, len(PNG_SIGNATURE)
    position, seen = len(PNG_SIGNATURE), set[bytes]()
    while position + 8 <= len(data):
        name, start = data[position + 4 : position + 8], position + 8
        end = start + 4 + int.from_bytes(data[position : position + 4])
        is_optional = name[:1].islower() or (name == b"PLTE" and data[PNG_COLOUR : PNG_COLOUR + 1] != b"\3")
        is_first = name not in seen and b"IDAT" not in seen
        if not is_optional or (
            is_first
            and name in OPTIONAL_CHUNKS
            and _is_intact(data[position + 4 : end])
            and _is_good(name, data[start : end - 4], data[PNG_COLOUR])
        ):
            yield position, end
            seen.add(name)
        position = end


def _is_good(name: bytes, content: bytes, colour: int) -> bool:
    """Return whether Pillow can use the chunk in a PNG of this type of `colour`. Raises UnsupportedImage for HDR."""
    if name == b"cICP" and len(content) == 4:
        check_transfer("PNG", content[1])
    if name in COLOUR_LENGTHS:
        return len(content) == COLOUR_LENGTHS[name]
    if name == b"tRNS":
        return len(content) == {0: 2, 2: 6}.get(colour) or (colour == 3 and 0 < len(content) <= 256)
    if name == b"iCCP":
        method, profile = content[content.find(b"\0") + 1 :][:1], content[content.find(b"\0") + 2 :]
        decoder = zlib.decompressobj()
        with suppress(zlib.error):
            return method == b"\0" and decoder.decompress(profile, MAX_PROFILE) != b"" and decoder.eof
        return False
    return name == b"eXIf" and content[:4] in (b"II*\0", b"MM\0*")


def _is_intact(chunk: bytes) -> bool:
    """Return whether the checksum at the end of a PNG chunk is right."""
    return zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:])
