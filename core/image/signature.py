"""Tells photos from other files by their first bytes, without decoding them."""

from core.image.formats import FIRST_BYTES, TIFF_MAGICS

HEAD = 16  # bytes that is_photo() needs

# The formats of photos whose first bytes no other file has by chance; two letters at the beginning, as a BMP or a PPM
# has, can be the first word of a text.
PHOTO_MAGICS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"qoif",
    *TIFF_MAGICS,
    # Not served, but photos: whether they are left out matters.
    *(magic for name in ("JPEG 2000", "PSD") for magic in FIRST_BYTES[name]),
)
# At byte 4, or at byte 8 of a RIFF file.
BOXES = (b"ftypavif", b"ftypavis", b"JXL ", b"jP  ", *FIRST_BYTES["HEIC"])


def is_photo(head: bytes) -> bool:
    """Return whether a file that begins with `head`, HEAD bytes, is a photo, of a format that is served or not."""
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    return head.startswith(PHOTO_MAGICS) or head[4:].startswith(BOXES)
