"""Removes what decoding does not need from a JPEG or PNG file, so that damaged or large metadata can't prevent it."""

import zlib
from collections.abc import Iterator

from core.errors import UnsupportedImage

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
SOS, TEM = 0xDA, 0x01
APPLICATION_SEGMENTS, COMMENT = range(0xE0, 0xF0), 0xFE
# The application segments that change pixels: JFIF, the orientation, the colour profile and the kind of CMYK.
KEPT_SEGMENTS = ((0xE0, b"JFIF\0"), (0xE1, b"Exif\0\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))
EXIF = KEPT_SEGMENTS[1]
# Start-of-frame markers (ITU T.81, table B.1), without those of arithmetic coding, and the ones that are decoded.
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
DECODED_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The chunks that change pixels. All others are optional: their names begin with a small letter.
OPTIONAL_CHUNKS = {b"tRNS", b"iCCP", b"eXIf"}


def without_metadata(data: bytes) -> bytes:
    """Return the JPEG or PNG file `data` without its metadata, and any other file unchanged.

    Orientation, colour profile and transparency stay. Raises UnsupportedImage for a JPEG whose coding is not decoded.
    """
    if data.startswith(SOI):
        parts = _jpeg_parts(data)
    elif data.startswith(PNG_SIGNATURE):
        parts = _png_parts(data)
    else:
        return data
    kept: list[tuple[int, int]] = []
    for start, end in parts:
        first = kept.pop()[0] if kept and kept[-1][1] == start else start
        kept.append((first, end))
    return b"".join(data[start:end] for start, end in kept)


def _jpeg_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of all but the application segments and comments before the first scan."""
    yield 0, len(SOI)
    position, has_exif = len(SOI), False
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker, start = data[position + 1], position + 4
        if marker in (0xFF, TEM):
            position += 1 if marker == 0xFF else 2
            continue
        if marker == SOS:
            break
        end = position + 2 + int.from_bytes(data[position + 2 : start])
        if marker in FRAMES:
            _check_frame(marker, data[start:end])
        kind = next((kind for kind in KEPT_SEGMENTS if kind[0] == marker and data.startswith(kind[1], start)), None)
        # Pillow joins the segments of long EXIF in quadratic time; the orientation is in the first.
        is_metadata = marker in APPLICATION_SEGMENTS and (kind is None or (kind == EXIF and has_exif))
        has_exif = has_exif or kind == EXIF
        if not is_metadata and marker != COMMENT:
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
    """Yield start and end of all but the optional chunks, and of the intact ones in OPTIONAL_CHUNKS."""
    yield 0, len(PNG_SIGNATURE)
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        name = data[position + 4 : position + 8]
        end = position + 12 + int.from_bytes(data[position : position + 4])
        is_optional = name[:1].islower()
        if not is_optional or (name in OPTIONAL_CHUNKS and _is_intact(data[position + 4 : end])):
            yield position, end
        position = end


def _is_intact(chunk: bytes) -> bool:
    """Return whether the checksum at the end of a PNG chunk is right."""
    return zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:])
