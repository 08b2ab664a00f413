"""Small image files that cost a decoder far more than their pixels."""

import numpy as np
from PIL import Image

from tests.support.images import encode
from tests.support.tiff import BLACK_IS_ZERO, DEFLATE, RGB, tiff_file


def scan_bomb() -> bytes:
    """Return a progressive JPEG of 1 megapixel that repeats its last scan 30,000 times: minutes of CPU time."""
    jpeg = encode(Image.new("L", (1000, 1000)), "JPEG", progressive=True)
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * 30_000 + jpeg[-2:]


def log_bomb(rows: int) -> bytes:
    """Return a fax of 8 x `rows` pixels of noise: libtiff prints a line for each row."""
    noise = np.random.default_rng(0).integers(0, 256, (rows, 8, 1)).astype(np.uint8)
    data = bytearray(tiff_file(noise, BLACK_IS_ZERO, bits=1))
    data[data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00") + 8] = 3  # compression: CCITT T.4
    return bytes(data)


def memory_bomb() -> bytes:
    """Return a TIFF of 100 x 100 pixels in 800 kB whose only tile takes 800 MB to decode."""
    tile = np.zeros((16_384, 16_384, 3), np.uint8)
    return tiff_file(tile, RGB, compression=DEFLATE, shown=(100, 100))
