"""All files of known pixels, by name."""

import itertools

import numpy as np

from core.types import UInt8Array
from tests.support.images import encode
from tests.support.metadata import damaged
from tests.support.pictures.base import COLOUR, PHOTO, Cells
from tests.support.pictures.bmp import FEW, FEW_TRUTH, bmp_cells, gif_cells
from tests.support.pictures.lossy import avif_cells, jpeg_cells, orientation_cells, webp_cells
from tests.support.pictures.others import other_cells
from tests.support.pictures.png import png_cells
from tests.support.pictures.tiff import tiff_cells
from tests.support.pictures.told import profile_cells, told_avif_cells, told_png_cells


def damaged_cells() -> Cells:
    few = np.asarray(PHOTO.quantize(256).convert("RGB"))
    for name, data in damaged(PHOTO):
        yield name, data, few if name.startswith("GIF") else COLOUR


def end_cells() -> Cells:
    """Yield files without the mark of their end, and with bytes behind it."""
    options = {"quality": 95, "subsampling": 0}
    files = {
        "JPEG": (encode(PHOTO, "JPEG", **options), COLOUR, 2),
        "PNG": (encode(PHOTO), COLOUR, 12),
        "GIF": (encode(FEW, "GIF"), FEW_TRUTH, 1),
    }
    for name, (data, truth, length) in files.items():
        yield f"{name} without its end", data[:-length], truth
        yield f"{name} with other bytes behind it", data + b"\xff\xd8other", truth
    yield "PNG with half an end", files["PNG"][0][:-6], COLOUR


def cells() -> dict[str, tuple[bytes, UInt8Array]]:
    """Return the file and the true pixels, as RGB, of each cell. Raises ValueError if two have one name."""
    found = [
        *itertools.chain(*tiff_cells()),
        *itertools.chain(png_cells(), jpeg_cells(), webp_cells(), avif_cells(), bmp_cells(), gif_cells()),
        *itertools.chain(profile_cells(), told_png_cells(), told_avif_cells(), orientation_cells()),
        *itertools.chain(damaged_cells(), end_cells(), other_cells()),
    ]
    by_name = {name: (data, truth) for name, data, truth in found}
    if len(by_name) < len(found):
        raise ValueError("two cells have one name")
    return by_name
