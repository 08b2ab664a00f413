"""Colours that a file tells by code points, and not by an ICC profile, become one."""

import struct
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from PIL import ImageCms

from core.errors import UnsupportedImage

Primaries: TypeAlias = tuple[float, ...]  # x and y of red, green, blue and white
# Exponent g, a, b, c and d of the function type 3 of ICC.1:2022, 10.18: (a x + b)^g from d on, and c x below.
Curve: TypeAlias = tuple[float, float, float, float, float]

C, D65 = (0.31, 0.316), (0.3127, 0.329)
# ITU-T H.273, table 2.
PRIMARIES: dict[int, Primaries] = {
    1: (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, *D65),
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *C),
    5: (0.64, 0.33, 0.29, 0.6, 0.15, 0.06, *D65),
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *D65),
    7: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *C),
    9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, *D65),
    10: (1, 0, 0, 1, 0, 0, 1 / 3, 1 / 3),
    11: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351),
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *D65),
    22: (0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *D65),
}


def power(exponent: float, factor: float = 1) -> Curve:
    """Return the curve `factor` x^`exponent`."""
    return exponent, factor ** (1 / exponent), 0, 0, 0


SRGB: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# ITU-T H.273, table 3, from the sample to light.
CURVES: dict[int, Curve] = {
    4: power(2.2),
    5: power(2.8),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912),
    8: power(1),
    13: SRGB,
    17: power(2.6, 52.37 / 48),
}
# Those of video, 1, 6, 11, 14 and 15, are for a camera. In PNG, Chromium shows them as a screen does by ITU-R BT.1886;
# in AVIF it takes them, and unspecified ones, for sRGB, which encoders mean.
PNG_CURVES = CURVES | dict.fromkeys((1, 6, 11, 14, 15), power(2.4)) | {12: SRGB}
AVIF_CURVES = CURVES | dict.fromkeys((0, 1, 2, 3, 6, 14, 15), SRGB)
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}

# From the colour of a white to that of D50, of ICC profiles, by Bradford's matrix (ICC.1:2022, annex E).
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50 = np.array([0.9642, 1, 0.8249])
# A profile with the colours of red, green and blue, and a curve of type 3 for all three (ICC.1:2022, 7).
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TAGS = struct.Struct(">4sII")  # name, position and length of a tag, behind the header and their number


def check_transfer(format_: str, transfer: int) -> None:
    """Raise UnsupportedImage if the colours with this code of a `transfer` function are HDR."""
    if name := HDR_TRANSFERS.get(transfer):
        raise UnsupportedImage(f"{format_} with HDR colours ({name}) is not served; save it with sRGB colours")


@lru_cache(maxsize=8)
def matrix_profile(primaries: Primaries, curve: Curve) -> bytes:
    """Return the ICC profile of RGB with these colours. Raises ValueError if `primaries` span no colours."""
    colours = np.array([(x, y, 1 - x - y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]).T
    if np.abs(primaries).max() > 2 or primaries[7] <= 0 or abs(np.linalg.det(colours[:, :3])) < 1e-3:
        raise ValueError(f"primaries {primaries} span no colours")
    white = colours[:, 3] / colours[1, 3]
    light = colours[:, :3] * np.linalg.solve(colours[:, :3], white)
    red, green, blue = (np.linalg.solve(BRADFORD, np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD) @ light).T
    numbers = {b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue, b"rTRC": curve}
    profile = bytearray(SRGB_PROFILE)
    for name, position, length in TAGS.iter_unpack(profile[132 : 132 + TAGS.size * profile[131]]):
        for place, number in enumerate(reversed(numbers.get(name, ())), 1):
            # The numbers at the end of the tag have 16 bits before and after the point.
            fixed = round(min(number, 32_767) * 65_536)
            struct.pack_into(">i", profile, position + length - 4 * place, fixed)
    return bytes(profile)
