"""Decoding: untrusted bytes become an upright RGB image, or an error that says what is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from core.errors import ImageTooLarge, InvalidImage, MemoryFull, UnsupportedImage
from core.image.limits import CountedFile, check_decoding_work, check_exif_segments, limit_pixels, too_many_pixels

# The decoders that untrusted bytes may reach. Importing a plugin registers it with Image.open().
FORMATS = [
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        GifImagePlugin.GifImageFile,
        BmpImagePlugin.BmpImageFile,
        TiffImagePlugin.TiffImageFile,
        AvifImagePlugin.AvifImageFile,
    )
]
FORMAT_LIST = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"

# The first bytes of formats that clients do send and that are not served: their error names the format.
UNSUPPORTED_FORMATS = {
    "HEIC": tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1")),
    "JPEG XL": (b"\xff\x0a", b"JXL "),
    "JPEG 2000": (b"\xff\x4f\xff\x51", b"jP  "),
    "PSD": (b"8BPS",),
    "ICO": (b"\x00\x00\x01\x00",),
    "SVG": (b"<svg", b"<?xml"),
    "PDF": (b"%PDF",),
    "EPS": (b"%!PS",),
    "QOI": (b"qoif",),
    "OpenEXR": (b"v/1\x01",),
}

# Pillow modes with a defined conversion to 8-bit RGB. 32-bit integers and floats have no agreed white level, and Pillow
# does not convert LAB.
MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "I;16", "I;16L", "I;16B"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: `image`, upright, mode RGB, and `size`, the width and height of the upright photo as sent.

    `image` may be smaller than `size` (see read_image()).
    """

    image: Image.Image
    size: tuple[int, int]


def read_image(data: bytes, max_pixels: int, min_long_side: int | None = None) -> Photo:
    """Return the photo in the image file `data`.

    The content decides the format. The EXIF orientation is applied, transparent pixels are blended with white, channels
    of 16 bits are reduced to their high 8 bits, and of an animation or a document the first frame is decoded.

    With `min_long_side`, in pixels, a JPEG is decoded at a half, a quarter or an eighth of its size, as long as its
    long side keeps at least that many pixels: the decoder then skips most of its work.

    Raises InvalidImage (empty, not an image, truncated or damaged), UnsupportedImage (a format or pixel type that is
    not served), ImageTooLarge (more than `max_pixels`, or as much work in tiles or scans) or MemoryFull.
    """
    image = _open(data, max_pixels)
    width, height = image.size
    with _decoder_errors():
        if min_long_side is not None:
            long_side = max(width, height)
            image.draft(None, (-(-width * min_long_side // long_side), -(-height * min_long_side // long_side)))
        image.load()
    drafted = image.size
    with suppress(Exception):
        # A damaged EXIF block does not make the pixels unreadable.
        ImageOps.exif_transpose(image, in_place=True)
    size = (width, height) if image.size == drafted else (height, width)
    with _decoder_errors():
        return Photo(_to_rgb(image), size)


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """Return the image file in `data`, of which only the header has been read. Raises as read_image()."""
    if not data:
        raise InvalidImage("the image is empty (0 bytes); send the contents of an image file")
    check_exif_segments(data)
    limit_pixels(max_pixels)
    try:
        with _decoder_errors():
            image = Image.open(CountedFile(data), formats=FORMATS)
    except InvalidImage as error:
        for name, magics in UNSUPPORTED_FORMATS.items():
            if any(data.startswith(magic, start) for magic in magics for start in (0, 4)):
                raise UnsupportedImage(f"{name} images are not served; send {FORMAT_LIST}") from error
        raise
    if image.mode not in MODES:
        raise UnsupportedImage(f"pixels of type {image.mode} are not served; save as 8- or 16-bit RGB or grey")
    check_decoding_work(image, data, max_pixels)
    return image


@contextmanager
def _decoder_errors() -> Iterator[None]:
    """Turn any exception of a decoder into a documented one: damaged input makes decoders raise nearly anything."""
    try:
        yield
    except (InvalidImage, ImageTooLarge):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise too_many_pixels(error) from error
    except MemoryError as error:
        raise MemoryFull("there is not enough free memory for this image; try again later") from error
    except UnidentifiedImageError as error:
        raise InvalidImage(f"the file is not an image, or its beginning is damaged; send {FORMAT_LIST}") from error
    except Exception as error:
        raise InvalidImage(f"the image is truncated or damaged: {error}; send a complete image file") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return `image` in mode RGB: `image` itself if it is in that mode."""
    if image.mode.startswith("I;16"):
        grey = np.asarray(image)
        if "transparency" in image.info:
            grey = np.where(grey == image.info["transparency"], 0xFFFF, grey)
        # The high byte, which Pillow takes of 16-bit colour too; convert("RGB") would clip to 255 instead.
        image = Image.fromarray((grey >> 8).astype(np.uint8))
    if image.has_transparency_data:
        foreground = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(foreground, mask=foreground)
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
