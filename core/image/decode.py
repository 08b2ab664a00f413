"""Decoding: untrusted bytes become an upright sRGB image, or an error that says what is wrong with them.

The decoders are C code that parses what strangers send. The service runs this module in decoder processes only: see
core.image.decoder_pool.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageOps
from PIL.ExifTags import Base
from PIL.GifImagePlugin import GifImageFile

from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.image.avif import clean_aperture, nclx_profile
from core.image.code_points import png_profile
from core.image.colour import to_srgb
from core.image.formats import FORMATS, check_format, check_pixels, rejection
from core.image.metadata import EOI, without_metadata
from core.image.tiff import with_photo_first

# libjpeg, libtiff and libavif tell of failed allocations in exceptions of other kinds. -9 is the code of Pillow's
# decoders (PIL.ImageFile.ERRORS), which its TIFF plugin does not spell out.
OUT_OF_MEMORY = re.compile(r"memory|decoder error -9\b", re.IGNORECASE)
# Bytes that end a JPEG whose end is missing. Those before the marker decode to something that is not constant.
JPEG_ENDS = (EOI, bytes(range(1, 255)) + EOI)
WHITE_IS_ZERO = 0  # a photometric interpretation of TIFF
PNG_DEPTH = 24  # the position of the bits per sample in a PNG

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


def no_notice(size: tuple[int, int]) -> None:
    """Discard the size of an image that is about to be decoded."""


def read_image(
    data: bytes,
    max_pixels: int,
    image_size: int | None = None,
    *,
    before_decoding: Callable[[tuple[int, int]], None] = no_notice,
) -> Photo:
    """Return the photo in the image file `data`.

    The content decides the format. The EXIF orientation and the colour profile are applied, transparent pixels are
    blended with white, channels of 16 bits are reduced to their high 8 bits, and of an animation or a document the
    first frame is decoded. Metadata is not needed, and may be damaged.

    With `image_size`, in pixels, a JPEG is decoded at a half, a quarter or an eighth of its size, as long as its
    long side keeps at least that many pixels: the decoder then skips most of its work.

    `before_decoding` gets the width and height in the file's header, in pixels.

    Raises InvalidImage (empty, not an image, truncated or damaged), UnsupportedImage (a format or pixel type that is
    not served) or ImageTooLarge (more than `max_pixels`, or more memory than this process may use).
    """
    if not data:
        raise InvalidImage("the image is empty (0 bytes); send the contents of an image file")
    with _decoder_errors(max_pixels):
        data = with_photo_first(without_metadata(data))
        image = _open(data, max_pixels)
        told = _told_profile(image, data)
        width, height = image.size
        before_decoding(image.size)
        draft = None
        if image_size is not None:
            long_side = max(width, height)
            draft = (-(-width * image_size // long_side), -(-height * image_size // long_side))
        frame = image.tile[0].extents if isinstance(image, GifImageFile) and image.tile else None
        image = _load(image, data, draft)
        image = _clipped(image, frame) if frame else _corrected(image, data)
        if image.format == "AVIF" and (part := clean_aperture(data, image.size)):
            image = image.crop(part)
            width, height = image.size
        drafted = image.size
        _turn(image)
        size = (width, height) if image.size == drafted else (height, width)
        return Photo(to_srgb(image, told), size)


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
        raise _too_many_pixels(int(found[1]) if found else 0, max_pixels) from error
    except Exception as error:
        if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
            raise ImageTooLarge(
                "decoding the image takes more memory than is allowed for its pixels; save it again as JPEG or PNG"
            ) from error
        raise InvalidImage(f"the image is truncated or damaged: {error}; send a complete image file") from error


def _too_many_pixels(pixels: int, max_pixels: int) -> ImageTooLarge:
    """Return the error for an image of more than `max_pixels`."""
    return ImageTooLarge(
        f"the image has {pixels / 1e6:,.1f} megapixels; at most {max_pixels / 1e6:g} megapixels are allowed "
        "(MAX_IMAGE_MEGAPIXELS): send a smaller image"
    )


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """Return the image file in `data`, of which only the header has been read. Raises as read_image()."""
    check_format(data)
    # One limit per process; checking the size of an opened image would be too late: to open a GIF, Pillow may already
    # allocate its first frame.
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (OSError, RuntimeError) as error:
        raise rejection(data, error) from error
    check_pixels(image)
    return image


def _told_profile(image: Image.Image, data: bytes) -> bytes:
    """Return the profile of the colours that `image`, the opened file `data`, tells otherwise than by ICC, or b""."""
    has_profile = "icc_profile" in image.info
    if image.format == "PNG":
        return png_profile(data, has_profile=has_profile)
    told = nclx_profile(data) if image.format == "AVIF" else b""
    return b"" if has_profile else told


def _load(image: Image.Image, data: bytes, draft: tuple[int, int] | None) -> Image.Image:
    """Return `image`, the opened file `data`, with its pixels: a JPEG at `draft` pixels or more."""
    if draft:
        image.draft(None, draft)
    _forget_xmp(image)  # by which Pillow would turn a TIFF while it loads
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


def _forget_xmp(image: Image.Image) -> None:
    """Remove the XMP of `image`, in which Pillow would look for an orientation if EXIF has none."""
    for name in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(name, None)


def _turn(image: Image.Image) -> None:
    """Turn `image` upright as its EXIF orientation tells."""
    _forget_xmp(image)  # of a PNG, it can be behind the pixels
    with suppress(Exception):
        # A damaged EXIF block does not make the pixels unreadable.
        exif = image.getexif()
        if isinstance(value := exif.get(Base.Orientation), bytes):  # of the type BYTE
            exif[Base.Orientation] = value[0]
        ImageOps.exif_transpose(image, in_place=True)


def _corrected(image: Image.Image, data: bytes) -> Image.Image:
    """Return the loaded `image` of the file `data` with 8 bits per channel, where Pillow decodes it otherwise.

    Raises UnsupportedImage for what can't be corrected.
    """
    if image.mode.startswith("I"):
        return _high_bits(image)
    if image.format == "PNG" and "transparency" in image.info and image.mode in ("L", "RGB"):
        # Pillow compares the value in the chunk tRNS with samples that it has scaled to 8 bits, or has cut to them.
        depth = data[PNG_DEPTH]
        if depth == 16:
            raise UnsupportedImage(
                "PNG of 16 bits with a transparent colour is not served; save with 8 bits, or with an alpha channel"
            )
        if image.mode == "L":
            image.info["transparency"] = image.info["transparency"] * 255 // ((1 << depth) - 1)
    if image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")  # an alpha channel that is zero everywhere was not meant as one
    return image


def _high_bits(image: Image.Image) -> Image.Image:
    """Return the high 8 bits of a grey `image` of 12 or 16 bits; convert("L") would clip to 255 instead."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(Base.BitsPerSample, (16,))[0]
    grey = np.asarray(image)
    if "transparency" in image.info:
        grey = np.where(grey == image.info["transparency"], 0xFFFF, grey)
    high = (grey >> (bits - 8)).astype(np.uint8)
    if tags.get(Base.PhotometricInterpretation) == WHITE_IS_ZERO:
        high = ~high
    reduced = Image.fromarray(high)
    reduced.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return reduced


def _clipped(image: Image.Image, frame: tuple[int, int, int, int]) -> Image.Image:
    """Return the first picture of a GIF, transparent outside its `frame`; Pillow shows a background colour there."""
    if frame == (0, 0, *image.size):
        return image
    inside = Image.new("L", image.size)
    inside.paste(255, frame)
    clipped = image.convert("RGBA")
    clipped.putalpha(ImageChops.multiply(clipped.getchannel("A"), inside))
    return clipped
