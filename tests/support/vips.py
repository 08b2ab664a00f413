"""libvips, a second opinion on the pixels of an image file."""

import numpy as np
import numpy.typing as npt
import pyvips

from core.types import UInt8Array

MAX_PIXELS = 50_000_000

pyvips.cache_set_max(0)  # it would keep large pictures


def by_libvips(data: bytes) -> UInt8Array:
    """Return the upright pixels of the file `data`, sRGB on white, by libvips. Raises pyvips.Error.

    Files of more than MAX_PIXELS raise ValueError: a damaged header can tell of pixels that no memory holds.
    """
    image = pyvips.Image.new_from_buffer(data, "").autorot()
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width} x {image.height} pixels are too many")
    if "icc-profile-data" in image.get_fields():
        image = image.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True)
    if image.hasalpha():
        white = 65535 if image.format == "ushort" else 255
        image = image.flatten(background=[white] * (image.bands - 1), max_alpha=white)
    pixels: UInt8Array = image.colourspace("srgb").cast("uchar").numpy()
    return np.repeat(pixels.reshape(*pixels.shape[:2], -1), 3 if pixels.ndim == 2 else 1, axis=2)


def difference(pixels: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two pictures, 255 if they differ in size."""
    if pixels.shape != others.shape:
        return 255
    return float(np.abs(pixels.astype(int) - others).mean())
