"""Tells photos from other files by their first bytes, without decoding them."""

import re

from core.image.formats import UNSERVED

HEAD = 16  # bytes that is_photo() needs

# The formats of photos whose first bytes no other file has by chance; two letters at the beginning, as a BMP or a PPM
# has, can be the first word of a text.
SERVED = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF.{4}WEBP|II[*+]\0|MM\0\*|.{4}ftypavi[fs]",
    re.DOTALL,
)
# Formats that are not served. The commands report such photos instead of skipping them.
REPORTED = [UNSERVED[f"{name} images"] for name in ("HEIC", "JPEG XL", "JPEG 2000", "PSD", "QOI", "big-endian BigTIFF")]


def is_photo(head: bytes) -> bool:
    """Return whether a file that begins with `head`, HEAD bytes, is a photo, of a format that is served or not."""
    return any(kind.match(head) for kind in (SERVED, *REPORTED))
