"""JPEG: the segments that pixels need (ITU-T T.81), and the codings that are decoded."""

import re
from collections.abc import Iterator

from core.errors import InvalidImage, UnsupportedImage

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
# The marker of a segment, and its length. Markers without a length belong to scans.
SEGMENT = re.compile(rb"\xff([^\0\1\xd0-\xd8\xff])(.{0,2})", re.DOTALL)
MAX_SEGMENTS = 1_000_000  # that are read; a hostile file has millions
SOS, EXIF, METADATA = 0xDA, 0xE1, {*range(0xE0, 0xF0), 0xFE}
# The application segments that change pixels, as they begin, with the bytes that they have at least: JFIF, the
# orientation, the colour profile and the kind of CMYK.
KEPT = {0xE0: rb"JFIF\0.{9}", EXIF: rb"Exif\0\0", 0xE2: rb"ICC_PROFILE\0..", 0xEE: rb"Adobe.{7}"}
# Start-of-frame markers (ITU T.81, table B.1, and T.87 of JPEG-LS), and the ones that are decoded.
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
DECODED_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}


def needed_parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of all but the metadata before the first scan; bytes between segments are skipped.

    Orientation and colour profile stay. Raises UnsupportedImage for a coding that is not decoded, and
    InvalidImage for more than MAX_SEGMENTS.
    """
    yield 0, len(SOI)
    position, kept = len(SOI), {marker: re.compile(beginning, re.DOTALL) for marker, beginning in KEPT.items()}
    for _ in range(MAX_SEGMENTS):
        found = SEGMENT.search(data, position)
        if not found or (marker := found[1][0]) == SOS:
            yield found.start() if found else position, len(data)
            return
        position = found.start(2) + max(2, int.from_bytes(found[2]))  # as libjpeg takes a length below 2
        if marker in FRAMES:
            _check_frame(marker, data[found.end() : position])
        if marker not in METADATA or (marker in kept and kept[marker].match(data, found.end(), position)):
            yield found.start(), position
            # Pillow joins the segments of long EXIF in quadratic time; the orientation is in the first.
            if marker == EXIF:
                del kept[EXIF]
    raise InvalidImage(f"the JPEG has more than {MAX_SEGMENTS:,} segments before its pixels; save it again")


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
