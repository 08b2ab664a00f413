"""Limits on files whose decoding would take far more work or memory than the pixels in their header suggest."""

import re
import warnings
from io import BytesIO

from PIL import Image

from core.errors import ImageTooLarge, InvalidImage
from core.image.avif import coded_pixels

# Read calls per file. A decoder that parses a file in Python takes up to 20 us per call. Valid files of 32 MB, such as
# a PNG whose rows are split into chunks of 4 KB, need fewer calls.
MAX_READS = 100_000

# Scans per JPEG. Encoders write about 10. Each further scan costs the decoder a pass over all pixels, but may be as
# short as 60 bytes.
MAX_SCANS = 100

# EXIF segments per JPEG. Pillow concatenates them in quadratic time; photos have a few at most.
MAX_EXIF_SEGMENTS = 100

# A marker that can follow the entropy-coded bytes of a JPEG scan: any but a restart marker; FF00 is a stuffed byte.
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
TILE_WIDTH, TILE_LENGTH = 322, 323

# Pillow raises DecompressionBombError only above twice MAX_IMAGE_PIXELS, and warns above it. As an error, the warning
# makes the limit exact.
warnings.simplefilter("error", Image.DecompressionBombWarning)


def limit_pixels(max_pixels: int) -> None:
    """Make Pillow raise before it allocates an image of more than `max_pixels`.

    Pillow has one limit per process; so does this service. Checking the size of an opened image would be too late: to
    open a GIF, Pillow may already allocate its first frame.
    """
    Image.MAX_IMAGE_PIXELS = max_pixels


def too_many_pixels(error: Exception) -> ImageTooLarge:
    """Return the error for an image whose pixels exceed the limit; `error` is Pillow's warning or error about it."""
    limit = Image.MAX_IMAGE_PIXELS or 0
    # Pillow does not tell the size but in its message: "Image size (144000000 pixels) exceeds limit of ...".
    found = re.search(r"\((\d+) pixels\)", str(error))
    size = f"{int(found[1]) / 1e6:,.1f} megapixels" if found else "too many pixels"
    return ImageTooLarge(
        f"the image has {size}; at most {limit / 1e6:g} megapixels are allowed (MAX_IMAGE_MEGAPIXELS): "
        "send a smaller image"
    )


class CountedFile(BytesIO):
    """A file in memory with a limited number of read calls."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as BytesIO does. Raises InvalidImage after MAX_READS calls."""
        self._reads += 1
        if self._reads > MAX_READS:
            raise InvalidImage(f"the image has more than {MAX_READS:,} parts; save it again with fewer")
        return super().read(size)


def check_exif_segments(data: bytes) -> None:
    """Raise InvalidImage if `data` is a JPEG with more than MAX_EXIF_SEGMENTS EXIF segments."""
    if data.startswith(b"\xff\xd8") and data.count(b"Exif\0\0") > MAX_EXIF_SEGMENTS:
        raise InvalidImage(f"the JPEG has more than {MAX_EXIF_SEGMENTS} EXIF segments; save it without metadata")


def check_decoding_work(image: Image.Image, data: bytes, max_pixels: int) -> None:
    """Raise if decoding the opened `image`, of the file `data`, takes more work than `max_pixels` pixels.

    Raises ImageTooLarge for a TIFF with larger tiles and an AVIF with larger coded frames. Raises InvalidImage for a
    TIFF whose tiles have no size, an AVIF with too many items and a JPEG with too many scans.
    """
    tags = getattr(image, "tag_v2", {})
    if TILE_WIDTH in tags and TILE_LENGTH in tags:
        # The decoder decodes a whole tile, even if the image shows only a part of it.
        width, height = tags[TILE_WIDTH], tags[TILE_LENGTH]
        if not (isinstance(width, int) and isinstance(height, int)):
            raise InvalidImage(f"the TIFF is damaged: its tile size is {width!r} x {height!r}; save it again")
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"the TIFF has tiles of {width} x {height} pixels; at most {max_pixels / 1e6:g} megapixels are "
                "allowed (MAX_IMAGE_MEGAPIXELS): save it with smaller tiles"
            )
    if image.format == "AVIF" and (pixels := coded_pixels(data)) > max_pixels:
        raise ImageTooLarge(
            f"the AVIF has a coded frame of {pixels / 1e6:,.1f} megapixels, more than its header says; at most "
            f"{max_pixels / 1e6:g} are allowed (MAX_IMAGE_MEGAPIXELS): send a smaller image"
        )
    # Counting the bytes that look like a scan marker is fast, and nearly always decides.
    if image.format == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS and count_scans(data) > MAX_SCANS:
        raise InvalidImage(f"the JPEG has more than {MAX_SCANS} scans; save it again with fewer")


def count_scans(data: bytes) -> int:
    """Return the number of scans in the JPEG file `data`; stop counting at MAX_SCANS + 1."""
    count, position = 0, 2
    while count <= MAX_SCANS and (found := MARKER.search(data, position)):
        marker = found[0][1]
        if marker == END_OF_IMAGE:
            break
        count += marker == START_OF_SCAN
        # A length follows each marker. Skipping it hides bytes inside the segment that look like markers.
        position = found.end() + max(2, int.from_bytes(data[found.end() : found.end() + 2]))
    return count
