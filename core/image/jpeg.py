"""JPEG: the segments that pixels need (ITU-T T.81), and the codings that are decoded."""

import re
from collections.abc import Iterator

from core.errors import UnsupportedImage

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MARKER = re.compile(rb"\xff([^\0\xff])", re.DOTALL)
SOS, WITHOUT_LENGTH = 0xDA, {0x01, *range(0xD0, 0xD9)}
METADATA_SEGMENTS = {*range(0xE0, 0xF0), 0xFE}
# The application segments that change pixels, and the bytes that they have at least: JFIF, the orientation, the colour
# profile and the kind of CMYK.
KEPT_SEGMENTS = ((0xE0, b"JFIF\0", 14), (0xE1, b"Exif\0\0", 6), (0xE2, b"ICC_PROFILE\0", 14), (0xEE, b"Adobe", 12))
EXIF = KEPT_SEGMENTS[1]
# Start-of-frame markers (ITU T.81, table B.1, and T.87 of JPEG-LS), and the ones that are decoded.
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
DECODED_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}


def needed_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of all but the metadata before the first scan; bytes between segments are skipped.

    Orientation and colour profile stay. Raises UnsupportedImage for a coding that is not decoded.
    """
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
