"""BMP files whose bit fields Pillow does not know."""

import struct

import numpy as np
from PIL import Image

from core.types import Array, UInt8Array

# Positions and values of the headers BITMAPFILEHEADER and BITMAPV4HEADER.
PIXELS, HEADER_SIZE, SIZE, DEPTH, MASKS, ALPHA_MASK = 10, 14, 18, 28, 54, 66
BIT_FIELDS = (3, 6)
V3_HEADER = 56  # the first version, by its size in bytes, with a mask of alpha


def has_bit_fields(data: bytes) -> bool:
    """Return whether `data` begins like a BMP file with bit fields of 16 or 32 bits per pixel."""
    return data.startswith(b"BM") and len(data) > ALPHA_MASK + 4 and _depth(data)[1] in BIT_FIELDS


def decode_bit_fields(data: bytes) -> Image.Image:
    """Return the BMP file `data`, which has bit fields, as an RGB or RGBA image. Raises ValueError if it is damaged."""
    [start] = struct.unpack_from("<I", data, PIXELS)
    [header_size] = struct.unpack_from("<I", data, HEADER_SIZE)
    width, height = struct.unpack_from("<ii", data, SIZE)
    bits, _ = _depth(data)
    if bits not in (16, 32) or width < 1 or height == 0:
        raise ValueError(f"the BMP has {bits} bits per pixel and a size of {width} x {height}")
    masks = list(struct.unpack_from("<3I", data, MASKS))
    [alpha] = struct.unpack_from("<I", data, ALPHA_MASK) if header_size >= V3_HEADER else [0]
    if alpha:
        masks.append(alpha)
    row = (width * bits + 31) // 32 * 4
    rows = np.frombuffer(data, np.uint8, row * abs(height), start).reshape(abs(height), row)
    pixels = np.ascontiguousarray(rows[:, : width * bits // 8]).view(f"<u{bits // 8}")
    if height > 0:
        pixels = pixels[::-1]
    return Image.fromarray(np.stack([_channel(pixels, mask) for mask in masks], axis=2))


def image_size(data: bytes) -> tuple[int, int]:
    """Return the width and height in the header of the BMP file `data`."""
    width, height = struct.unpack_from("<ii", data, SIZE)
    return width, abs(height)


def _depth(data: bytes) -> tuple[int, int]:
    """Return the bits per pixel, and the kind of compression."""
    bits, compression = struct.unpack_from("<HI", data, DEPTH)
    return bits, compression


def _channel(pixels: Array, mask: int) -> UInt8Array:
    """Return the bits of `mask` in `pixels`, scaled to 0 to 255."""
    shift = max(0, (mask & -mask).bit_length() - 1)
    largest = mask >> shift
    values = (pixels & mask) >> shift
    return (values.astype(np.uint64) * 255 // max(1, largest)).astype(np.uint8)
