"""Decoding: untrusted bytes become an upright sRGB image, or an error that says what is wrong with them.

The decoders are C code that parses what strangers send. The service runs this module in decoder processes only: see
core.decoders.decoder_pool.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from PIL import Image, ImageOps
from PIL.ExifTags import Base

from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.image import avif, png
from core.image.boxes import decoded_picture
from core.image.colour import to_srgb
from core.image.corrections import corrected
from core.image.formats import FORMATS, check_format, rejection
from core.image.jpeg import EOI
from core.image.metadata import without_metadata

# libjpeg, libtiff and libavif tell of failed allocations in exceptions of other kinds. -9 is the code of Pillow's
# decoders (PIL.ImageFile.ERRORS), which its TIFF plugin does not spell out.
OUT_OF_MEMORY = re.compile(r"memory|decoder error -9\b", re.IGNORECASE)
# Bytes that end a JPEG whose end is missing. Those before the marker decode to something that is not constant.
JPEG_ENDS = (EOI, bytes(range(1, 255)) + EOI)

# Pillow raises DecompressionBombError only above twice MAX_IMAGE_PIXELS, and warns above it. As an error, the warning
# makes the limit exact.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: `image`, upright, mode RGB, and `size`, the width and height of the upright photo as sent.

    `image` may be smaller than `size` (see read_image()).
    """

    image: Image.Image
    size: tuple[int, int]


def read_image(
    data: bytes,
    max_pixels: int,
    image_size: int | None = None,
    *,
    before_decoding: Callable[[tuple[int, int]], object] = lambda size: None,
) -> Photo:
    """Return the photo in the image file `data`.

    The content decides the format. The EXIF orientation and the colour profile are applied, transparent pixels are
    blended with white, channels of 16 bits are reduced to their high 8 bits, and of an animation or a document the
    first frame is decoded. Metadata is not needed, and may be damaged.

    With `image_size`, in pixels, a JPEG is decoded at a half, a quarter or an eighth of its size, as long as its
    long side keeps at least that many pixels: the decoder then skips most of its work.

    `before_decoding` gets the width and height of the photo that the file's header tells, in pixels, not turned.

    Raises InvalidImage (empty, not an image, truncated or damaged), UnsupportedImage (a format or pixel type that is
    not served) or ImageTooLarge (more than `max_pixels`, or more memory than this process may use).
    """
    if not data:
        raise InvalidImage("the image is empty (0 bytes); send the contents of an image file")
    with _decoder_errors(max_pixels):
        check_format(data)
        data = without_metadata(data)
        image = _open(data, max_pixels)
        told, shown = _described(image, data)
        width, height = size = shown[2] - shown[0], shown[3] - shown[1]
        before_decoding(size)
        draft = None
        if image_size is not None:
            long_side = max(size)
            draft = (-(-width * image_size // long_side), -(-height * image_size // long_side))
        image = corrected(_load(image, data, draft), data)
        if size != image.size and image.format == "AVIF":
            image = image.crop(shown)
        drafted = image.size
        _turn(image)
        return Photo(to_srgb(image, told), size if image.size == drafted else (height, width))


@contextmanager
def _decoder_errors(max_pixels: int) -> Iterator[None]:
    """Turn any exception of a decoder into a documented one: damaged input makes decoders raise nearly anything."""
    try:
        yield
    except (InvalidImage, UnsupportedImage, ImageTooLarge):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        # Pillow does not tell the size but in its message: "Image size (144000000 pixels) exceeds limit of ...".
        found = re.search(r"\((\d+) pixels\)", str(error))
        megapixels = int(found[1]) / 1e6 if found else 0
        raise ImageTooLarge(
            f"the image has {megapixels:,.1f} megapixels; at most {max_pixels / 1e6:g} megapixels are allowed "
            "(MAX_IMAGE_MEGAPIXELS): send a smaller image"
        ) from error
    except Exception as error:
        if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
            raise ImageTooLarge(
                "decoding the image takes more memory than is allowed for its pixels; save it again as JPEG or PNG"
            ) from error
        raise InvalidImage(f"the image is truncated or damaged: {error}; send a complete image file") from error


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """Return the image file in `data`, of which only the header has been read. Raises as read_image()."""
    # One limit per process; checking the size of an opened image would be too late: to open a GIF, Pillow may already
    # allocate its first frame.
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (OSError, RuntimeError) as error:
        raise rejection(data, error) from error


def _described(image: Image.Image, data: bytes) -> tuple[bytes, avif.Part]:
    """Return what the opened file `data` tells of `image`: its colours, and the part that is shown.

    The colours are an ICC profile that replaces that of `image`, or b"".
    """
    has_profile = "icc_profile" in image.info
    if image.format == "AVIF":
        picture = decoded_picture(data)
        return avif.told_profile(picture, has_profile=has_profile), avif.clean_aperture(picture, image.size)
    told = png.told_profile(data, has_profile=has_profile) if image.format == "PNG" else b""
    return told, (0, 0, *image.size)


def _load(image: Image.Image, data: bytes, draft: tuple[int, int] | None) -> Image.Image:
    """Return `image`, the opened file `data`, with its pixels: a JPEG at `draft` pixels or more."""
    if draft:
        image.draft(None, draft)
    try:
        image.load()
    except OSError:
        if image.format != "JPEG" or data.endswith(EOI):
            raise
        # If only the end marker is missing, the pixels do not depend on the bytes that follow.
        ended, other = (
            _load(Image.open(io.BytesIO(data + end), formats=FORMATS), data + end, draft) for end in JPEG_ENDS
        )
        if ended.tobytes() != other.tobytes():
            raise
        return ended
    return image


def _turn(image: Image.Image) -> None:
    """Turn `image` upright as its EXIF orientation tells."""
    with suppress(Exception):
        # A damaged EXIF block does not make the pixels unreadable.
        exif = image.getexif()
        if isinstance(value := exif.get(Base.Orientation), bytes):  # of the type BYTE
            exif[Base.Orientation] = value[0]
        ImageOps.exif_transpose(image, in_place=True)
