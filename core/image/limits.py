"""Files that take far more work or memory than the pixels in their header say: refused before that is spent."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO

from PIL import Image

from core.image.avif import coded_pixels
from core.errors import ImageTooLarge, InvalidImage

# A decoder that walks a file in Python takes up to 20 us for each piece it reads. Whole files of 32 MB, a PNG's rows
# in pieces of 4 KB among them, need fewer.
MAX_READS = 100_000

# Encoders make 10 scans or so. Each further one costs a pass over all pixels, and no more than 60 bytes in the file.
MAX_SCANS = 100

# Photos have one segment of EXIF, or a few where it is long. Pillow joins them, and copies all before at each.
MAX_EXIF_SEGMENTS = 100

# What may follow the entropy-coded bytes of a JPEG's scan: any marker but a restart's; FF00 is a stuffed byte.
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
TILE_WIDTH, TILE_LENGTH = 322, 323

_max_pixels: ContextVar[int | None] = ContextVar("max_pixels", default=None)


@contextmanager
def at_most(max_pixels: int) -> Iterator[None]:
    """Let Pillow raise ImageTooLarge before it makes a picture of more than `max_pixels`, in this thread."""
    token = _max_pixels.set(max_pixels)
    try:
        yield
    finally:
        _max_pixels.reset(token)


def _check_size(size: tuple[int, int], *, error_only: bool = False) -> None:
    """Take the place of Pillow's own guard, which lets through twice what is allowed, and has one limit for all."""
    limit, (width, height) = _max_pixels.get(), size
    if limit is not None and width * height > limit:
        raise ImageTooLarge(
            f"the image has {width} x {height} pixels, {width * height / 1e6:,.1f} megapixels; "
            f"at most {limit / 1e6:g} are allowed (MAX_IMAGE_MEGAPIXELS): send a smaller one"
        )


# Checking the size of an opened image is too late: a GIF's first frame may have had Pillow fill its area by then.
Image._decompression_bomb_check = _check_size


class CountedFile(BytesIO):
    """A file in memory that can be read a limited number of times."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as BytesIO does. Raises InvalidImage at the one time too many."""
        self._reads += 1
        if self._reads > MAX_READS:
            raise InvalidImage(f"the image is made of more than {MAX_READS:,} pieces; save it anew")
        return super().read(size)


def refuse_repeated_exif(data: bytes) -> None:
    """Raise InvalidImage where `data` is a JPEG of more EXIF segments than any photo has."""
    if data.startswith(b"\xff\xd8") and data.count(b"Exif\0\0") > MAX_EXIF_SEGMENTS:
        raise InvalidImage(f"the JPEG has more than {MAX_EXIF_SEGMENTS} EXIF segments; save it anew")


def refuse_bombs(image: Image.Image, data: bytes, max_pixels: int) -> None:
    """Refuse the opened `image`, of the file `data`, where a part of it is more work than `max_pixels` pixels.

    Raises ImageTooLarge for a TIFF whose tiles and an AVIF whose data are larger than that, or InvalidImage for a TIFF
    whose tiles have no size, an AVIF of too many pieces and a JPEG of too many scans.
    """
    tags = getattr(image, "tag_v2", {})
    if TILE_WIDTH in tags and TILE_LENGTH in tags:
        # A tile is decoded whole, however little of it is in the image.
        width, height = tags[TILE_WIDTH], tags[TILE_LENGTH]
        if not (isinstance(width, int) and isinstance(height, int)):
            raise InvalidImage(f"the image is damaged: it has tiles of {width!r} x {height!r} pixels; save it anew")
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"the image has tiles of {width} x {height} pixels; at most {max_pixels / 1e6:g} megapixels are "
                "allowed (MAX_IMAGE_MEGAPIXELS): save it with smaller tiles"
            )
    if image.format == "AVIF" and (pixels := coded_pixels(data)) > max_pixels:
        raise ImageTooLarge(
            f"the image's data has {pixels / 1e6:,.1f} megapixels, more than its header says; at most "
            f"{max_pixels / 1e6:g} are allowed (MAX_IMAGE_MEGAPIXELS): send a smaller one"
        )
    # Counting every place that looks like a scan is quick, and nearly always enough.
    if image.format == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS and scans(data) > MAX_SCANS:
        raise InvalidImage(f"the JPEG has more than {MAX_SCANS} scans; save it anew")


def scans(data: bytes) -> int:
    """Return how many scans the JPEG file `data` has, counting no further than one over the limit."""
    count, position = 0, 2
    while count <= MAX_SCANS and (found := MARKER.search(data, position)):
        marker = found[0][1]
        if marker == END_OF_IMAGE:
            break
        count += marker == START_OF_SCAN
        # Every other marker has its length behind it, which keeps what looks like one inside it from being seen.
        position = found.end() + max(2, int.from_bytes(data[found.end() : found.end() + 2]))
    return count
