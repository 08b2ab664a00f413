"""Pictures of a label map: the mask, the overlay and the cut-out, as pure functions."""

import re

import numpy as np
from PIL import Image

from core.output.blur import blurred_background
from core.output.cover import covered
from core.output.matting import Foreground, soft_alpha
from core.output.tiles import tiles
from core.types import Alpha, UInt8Array

# Opacity of the class colours in an overlay, 0 to 1.
OPACITY = 0.5
# What cutout() accepts as a background, beside a colour such as #00a0ff.
BACKGROUNDS = ("transparent", "blur", "white")
COLOUR_CODE = re.compile(r"#[0-9a-fA-F]{6}")
BLUR = 0.025  # the default standard deviation of a blurred background, as a share of the long side


def palette() -> UInt8Array:
    """Return PASCAL VOC's colours of the class ids, uint8 [256, 3] in RGB.

    From VOC's development kit: bit 3 i + c of the id is bit 7 - i of the colour's channel c.
    """
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((ids >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colours


COLOURS = palette()


def mask(seg_map: UInt8Array) -> Image.Image:
    """Return `seg_map`, uint8 [height, width], as a palette image whose pixel values are the class ids."""
    image = Image.fromarray(seg_map)
    image.putpalette(COLOURS.tobytes())
    return image


def overlay(photo: UInt8Array, seg_map: UInt8Array) -> Image.Image:
    """Return `photo`, uint8 [height, width, 3], blended with the colours of the classes in `seg_map`, of the same size.

    Background pixels keep the colour of the photo.
    """
    image = Image.fromarray(photo)
    for rows, columns in tiles(*seg_map.shape):
        labels = seg_map[rows, columns]
        piece = image.crop((columns.start, rows.start, columns.stop, rows.stop))
        coloured = Image.blend(piece, mask(labels).convert("RGB"), OPACITY)
        image.paste(coloured, (columns.start, rows.start), _alpha(labels))
    return image


def cutout(
    photo: UInt8Array,
    seg_map: UInt8Array,
    alpha: Alpha = "soft",
    background: str | UInt8Array = "transparent",
    blur: float = BLUR,
) -> Image.Image:
    """Return `photo` without the background of `seg_map`, of the same size.

    With `alpha` "soft", the edges of objects are soft where the photo's are, and have the colours of the object alone.
    `background` is one of BACKGROUNDS, a colour, #rrggbb, or a picture, uint8 [height, width, 3] of any size:
    "transparent" makes an RGBA image; in an RGB image the objects lie on the background of the photo, blurred by
    `blur`, a share of its long side ("blur"), on the colour, or on the picture, which covers the photo. Transparent
    pixels are black, so that no file holds the background that it hides.
    """
    opacity = soft_alpha(seg_map, photo) if alpha == "soft" else np.asarray(_alpha(seg_map))
    is_transparent = isinstance(background, str) and background == "transparent"
    image = _behind(photo, opacity, background, blur)
    foreground = Foreground(photo, opacity)
    for tile in tiles(*opacity.shape):
        rows, columns = tile
        shape = _alpha(opacity[tile]) if is_transparent else Image.fromarray(opacity[tile])
        image.paste(Image.fromarray(foreground.colours(tile)), (columns.start, rows.start), shape)
    if is_transparent:
        image.putalpha(Image.fromarray(opacity))
    return image


def _behind(photo: UInt8Array, opacity: UInt8Array, background: str | UInt8Array, blur: float) -> Image.Image:
    """Return what is behind the objects of cutout(), an RGB image; black if that is transparent."""
    size = photo.shape[1], photo.shape[0]
    if not isinstance(background, str):
        parts = covered(background, size)
    elif background != "blur":
        return Image.new("RGB", size, "black" if background == "transparent" else background)
    elif blur:
        parts = blurred_background(photo, opacity, blur)
    else:
        return Image.fromarray(photo)
    image = Image.new("RGB", size, None)
    for (rows, columns), part in parts:
        image.paste(Image.fromarray(part), (columns.start, rows.start))
    return image


def _alpha(values: UInt8Array) -> Image.Image:
    """Return a grey image of the size of `values`, uint8 [height, width]: 0 where they are 0, else 255."""
    return Image.fromarray((values != 0) * np.uint8(255))
