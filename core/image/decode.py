"""From untrusted bytes to an upright RGB image, or an error that says what was wrong with them."""

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

from core.image.limits import CountedFile, at_most, refuse_bombs, refuse_repeated_exif
from core.errors import ImageTooLarge, InvalidImage, MemoryFull, UnsupportedImage

# The decoders that bytes from outside may reach; importing one is what makes it known to Image.open().
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
SERVED = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"

# How formats begin that people do send and that are not served, so that they are told more than "not an image".
FOREIGN = {
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

# The pixel types that have one meaning as 8-bit RGB. 32-bit integers and floats have no agreed white; LAB has no
# conversion in Pillow.
MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr", "I;16", "I;16L", "I;16B"}


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as a person sees it: `image`, upright, mode RGB, and `size`, the width and height it was sent with.

    `image` may have been decoded smaller than `size`.
    """

    image: Image.Image
    size: tuple[int, int]


def read_image(data: bytes, max_pixels: int, enough: int | None = None) -> Photo:
    """Return the picture in `data`: what decode() makes of open_image(), and raises what they raise."""
    return decode(open_image(data, max_pixels), enough)


def open_image(data: bytes, max_pixels: int) -> Image.Image:
    """Return the image file in `data`, of which nothing but the header has been read.

    The format is decided by content.

    Raises InvalidImage (empty or not an image), UnsupportedImage (a format or pixel type that is not served) or
    ImageTooLarge (more than `max_pixels`, or tiles or scans that take more work than so many pixels).
    """
    if not data:
        raise InvalidImage("the image is empty (0 bytes); send the contents of an image file")
    refuse_repeated_exif(data)
    with at_most(max_pixels):
        image = _open(data)
    if image.mode not in MODES:
        raise UnsupportedImage(f"pixels of type {image.mode} are not served; save as 8- or 16-bit RGB or grey")
    refuse_bombs(image, data, max_pixels)
    return image


def decode(image: Image.Image, enough: int | None = None) -> Photo:
    """Return the picture in `image`, an opened file.

    `enough` is the long side in pixels that it will be reduced to: a JPEG is then decoded at a half, a quarter or an
    eighth of its size, as long as that leaves at least `enough`; the decoder then skips most of its work.

    The EXIF orientation is applied, transparency is laid on white, 16 bits a channel are reduced to their high 8, and
    of an animation or a document the first frame is taken.

    Raises InvalidImage where the image is truncated or damaged.
    """
    width, height = image.size
    with _decoding():
        if enough is not None:
            long_side = max(width, height)
            image.draft(None, (-(-width * enough // long_side), -(-height * enough // long_side)))
        image.load()
    drafted = image.size
    with suppress(Exception):
        # A broken EXIF block is no reason to refuse a picture that can be seen.
        ImageOps.exif_transpose(image, in_place=True)
    size = (width, height) if image.size == drafted else (height, width)
    with _decoding():
        return Photo(_to_rgb(image), size)


def _open(data: bytes) -> Image.Image:
    try:
        with _decoding():
            return Image.open(CountedFile(data), formats=FORMATS)
    except InvalidImage as error:
        for name, magics in FOREIGN.items():
            if any(data.startswith(magic) or data[4:].startswith(magic) for magic in magics):
                raise UnsupportedImage(f"{name} images are not served; send {SERVED}") from error
        raise


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn what a decoder raises into InvalidImage: damaged input makes them raise nearly anything."""
    try:
        yield
    except (InvalidImage, ImageTooLarge):
        raise
    except MemoryError as error:
        raise MemoryFull(
            "there is not enough memory for this image now; try again later, or send a smaller one"
        ) from error
    except UnidentifiedImageError as error:
        raise InvalidImage(f"the file is not an image, or its beginning is damaged; send {SERVED}") from error
    except Exception as error:
        raise InvalidImage(f"the image is truncated or damaged: {error}; send a whole one") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        grey = np.asarray(image)
        if "transparency" in image.info:
            grey = np.where(grey == image.info["transparency"], 0xFFFF, grey)
        # The high byte, as Pillow itself takes of 16-bit colour; convert("RGB") would clip to 255 instead.
        image = Image.fromarray((grey >> 8).astype(np.uint8))
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(picture, mask=picture)
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
