"""AVIF: the properties of the primary item, which is the picture that is decoded (ISO/IEC 14496-12 and 23008-12)."""

import re
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

from core.errors import UnsupportedImage
from core.image.code_points import AVIF_CURVES, PRIMARIES, check_transfer, matrix_profile

NCLX = re.compile(rb"colr(nclx.{7})", re.DOTALL)


def nclx_profile(data: bytes) -> bytes:
    """Return the ICC profile of the colours that the AVIF file `data` tells by numbers; b"" without any.

    Raises UnsupportedImage for HDR colours, and for transfer functions of which browsers show nothing.
    """
    is_sequence = data[8:12] == b"avis"
    boxes = NCLX.findall(data) if is_sequence else [b for name, b in _properties(data) if name == b"colr"]
    found = next((box for box in boxes if box.startswith(b"nclx") and len(box) >= 8), None)
    if not found:
        return b""
    primaries, transfer = int.from_bytes(found[4:6]), int.from_bytes(found[6:8])
    check_transfer("AVIF", transfer)
    if transfer not in AVIF_CURVES:
        raise UnsupportedImage(f"AVIF with transfer function {transfer} is not served; save it with sRGB colours")
    return matrix_profile(PRIMARIES.get(primaries, PRIMARIES[1]), AVIF_CURVES[transfer])


def clean_aperture(data: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return left, top, right and bottom of the part of the AVIF file `data`, of this `size`, that is to be shown.

    None is the whole picture, and that of a damaged property.
    """
    for name, box in _properties(data):
        if name == b"clap" and len(box) >= 32:
            fields = [int.from_bytes(box[at : at + 4], signed=True) for at in range(0, 32, 4)]
            with suppress(ZeroDivisionError):
                width, height, x, y = (Fraction(*fields[at : at + 2]) for at in range(0, 8, 2))
                left, top = x + (size[0] - width) / 2, y + (size[1] - height) / 2
                edges = (left, top, left + width, top + height)
                is_inside = 0 <= left < edges[2] <= size[0] and 0 <= top < edges[3] <= size[1]
                if is_inside and all(edge.denominator == 1 for edge in edges):
                    return int(left), int(top), int(edges[2]), int(edges[3])
    return None


def _properties(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the properties of the primary item, in the order of their association."""
    meta = dict(_boxes(dict(_boxes(data)).get(b"meta", b"")[4:]))
    item, container = meta.get(b"pitm", b""), list(_boxes(meta.get(b"iprp", b"")))
    properties = list(_boxes(dict(container).get(b"ipco", b"")))
    for name, box in container:
        if name == b"ipma":
            indices = _associations(box).get(int.from_bytes(item[4:]), [])
            yield from (properties[index - 1] for index in indices if 0 < index <= len(properties))


def _associations(box: bytes) -> dict[int, list[int]]:
    """Return the numbers of the properties of each item that a box `ipma` tells, from 1."""
    id_size, index_size = 4 if box[:1] > b"\0" else 2, 2 if box[3:4] and box[3] & 1 else 1
    found: dict[int, list[int]] = {}
    position = 8
    while position + id_size < len(box):
        item, count = int.from_bytes(box[position : position + id_size]), box[position + id_size]
        position += id_size + 1
        end = position + count * index_size
        essential = 1 << (8 * index_size - 1)
        indices = [int.from_bytes(box[at : at + index_size]) for at in range(position, end, index_size)]
        found[item] = [index & ~essential for index in indices]
        position = end
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the boxes in `data`."""
    position = 0
    while position + 8 <= len(data):
        size, start = int.from_bytes(data[position : position + 4]), position + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8]), position + 16
        end = position + size if size else len(data)
        if end < start:
            return
        yield data[position + 4 : position + 8], data[start:end]
        position = end
