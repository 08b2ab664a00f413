"""AVIF: the colours of the picture that is decoded, and its part that is shown."""

import re
from contextlib import suppress
from fractions import Fraction
from typing import TypeAlias

from core.errors import UnsupportedImage
from core.image.av1 import code_points
from core.image.boxes import Picture
from core.image.code_points import AVIF_CURVES, PRIMARIES, check_transfer, matrix_profile

Part: TypeAlias = tuple[int, int, int, int]  # left, top, right and bottom, in pixels

# The entry of an item, of version 2 or 3, up to its kind: EXIF, or another one of a media type, such as XMP.
METADATA = re.compile(rb"(infe(?:\x02.{5}|\x03.{7})..)(?:Exif|mime)", re.DOTALL)


def without_metadata(data: bytes) -> bytes:
    """Return the AVIF file `data` with a kind that decoders skip in place of that of its metadata."""
    return METADATA.sub(rb"\1skip", data)


def told_profile(picture: Picture, *, has_profile: bool) -> bytes:
    """Return the ICC profile of the colours that `picture` tells by numbers; b"" if ICC tells them.

    Raises UnsupportedImage for HDR colours, and for transfer functions of which browsers show nothing.
    """
    colours = [bytes(box[4:8]) for name, box in picture.properties if name == b"colr" and bytes(box[:4]) == b"nclx"]
    if has_profile and not colours:
        return b""
    told = (int.from_bytes(colours[0][:2]), int.from_bytes(colours[0][2:])) if colours else code_points(picture.stream)
    primaries, transfer = told
    check_transfer("AVIF", transfer)
    if transfer not in AVIF_CURVES:
        raise UnsupportedImage(f"AVIF with transfer function {transfer} is not served; save it with sRGB colours")
    return b"" if has_profile else matrix_profile(PRIMARIES.get(primaries, PRIMARIES[1]), AVIF_CURVES[transfer])


def clean_aperture(picture: Picture, size: tuple[int, int]) -> Part:
    """Return the part of `picture`, of this `size`, that is to be shown: all of it if the property is damaged."""
    for name, box in picture.properties:
        if name == b"clap" and len(box) >= 32:
            fields = [int.from_bytes(box[at : at + 4], signed=True) for at in range(0, 32, 4)]
            with suppress(ZeroDivisionError):
                width, height, x, y = (Fraction(*fields[at : at + 2]) for at in range(0, 8, 2))
                left, top = x + (size[0] - width) / 2, y + (size[1] - height) / 2
                edges = (left, top, left + width, top + height)
                is_inside = 0 <= left < edges[2] <= size[0] and 0 <= top < edges[3] <= size[1]
                if is_inside and all(edge.denominator == 1 for edge in edges):
                    return int(left), int(top), int(edges[2]), int(edges[3])
    return 0, 0, *size
