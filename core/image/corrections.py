"""Corrects pixels that Pillow decodes otherwise than they are meant."""

import numpy as np
from PIL import Image, ImageChops
from PIL.ExifTags import Base
from PIL.GifImagePlugin import GifImageFile

from core.errors import UnsupportedImage
from core.image import png

WHITE_IS_ZERO = 0  # a photometric interpretation of TIFF


def corrected(image: Image.Image, data: bytes) -> Image.Image:
    """Return the loaded `image` of the file `data` with 8 bits per channel, where Pillow decodes it otherwise.

    A GIF is transparent outside of its first picture. Raises UnsupportedImage for what can't be corrected.
    """
    # Pillow's documents tell no other way to know where that picture is.
    if isinstance(image, GifImageFile) and (frame := image.dispose_extent) not in (None, (0, 0, *image.size)):
        return _clipped(image, frame)
    if image.mode.startswith("I"):
        return _high_bits(image)
    if image.format == "PNG" and "transparency" in image.info and image.mode in ("L", "RGB"):
        # Pillow compares the value in the chunk tRNS with samples that it has scaled to 8 bits, or has cut to them.
        depth = data[png.DEPTH]
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
    """Return the first picture of a GIF, transparent outside its `frame`, where Pillow shows a background colour."""
    inside = Image.new("L", image.size)
    inside.paste(255, frame)
    clipped = image.convert("RGBA")
    clipped.putalpha(ImageChops.multiply(clipped.getchannel("A"), inside))
    return clipped
