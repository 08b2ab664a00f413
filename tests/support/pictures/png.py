"""PNG files."""

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from tests.support.images import encode, png
from tests.support.metadata import orientation
from tests.support.pictures.base import (
    ALPHA,
    COLOUR,
    GREY,
    HEIGHT,
    PALETTE_OF_256,
    PHOTO,
    TURNS,
    WIDTH,
    Cells,
    X,
    on_white,
    shown,
    to_bits,
    with_alpha,
)
from tests.support.tiff import packed_rows


def png_file(
    samples: npt.NDArray[Any], bits: int, colour: int, *chunks: tuple[bytes, bytes], end: bytes = b""
) -> bytes:
    """Return a PNG of `samples` [height, width, channels]; `end` is the content of a chunk eXIf behind the pixels."""
    rows = packed_rows(samples, bits, ">")
    size = len(rows) // len(samples)
    raw = b"".join(b"\0" + rows[start : start + size] for start in range(0, len(rows), size))
    behind = [(b"eXIf", end)] if end else []
    return png(WIDTH, HEIGHT, *chunks, (b"IDAT", zlib.compress(raw)), *behind, depth=bits, colour=colour)


def png_cells() -> Cells:
    for bits in (1, 2, 4, 8, 16):
        yield from grey_cells(bits)
        yield from colour_cells(bits) if bits == 16 else palette_cells(bits)
        if bits >= 8:
            grey, colour = to_bits(with_alpha(GREY), bits), to_bits(with_alpha(COLOUR), bits)
            yield f"PNG grey {bits} with alpha", png_file(grey, bits, 4), on_white(GREY, ALPHA)
            yield f"PNG colour {bits} with alpha", png_file(colour, bits, 6), on_white(COLOUR, ALPHA)
    yield "PNG colour 8", png_file(COLOUR, 8, 2), COLOUR
    yield "PNG interlaced", pyvips.Image.new_from_array(COLOUR).pngsave_buffer(interlace=True), COLOUR
    yield "PNG animation", encode(PHOTO, save_all=True, append_images=[PHOTO.rotate(180)]), COLOUR
    for value, turn in TURNS.items():
        data = png_file(COLOUR, 8, 2, (b"eXIf", orientation(value=value)))
        yield f"PNG orientation {value}", data, turn(COLOUR)
    yield "PNG orientation behind the pixels", png_file(COLOUR, 8, 2, end=orientation()), COLOUR


def grey_cells(bits: int) -> Cells:
    grey = to_bits(GREY, bits)
    truth, clear = shown(grey, bits), int(grey[10, 20, 0])
    yield f"PNG grey {bits}", png_file(grey, bits, 0), truth
    data = png_file(grey, bits, 0, (b"tRNS", struct.pack(">H", clear)))
    yield f"PNG grey {bits} with a transparent value", data, np.where(grey == clear, 255, truth)


def palette_cells(bits: int) -> Cells:
    index = (X * (1 << bits) // WIDTH).astype(np.uint8)[..., np.newaxis]
    colours, alphas = PALETTE_OF_256[: 1 << bits], np.linspace(0, 255, 1 << bits).astype(np.uint8)
    chunk, truth = (b"PLTE", colours.tobytes()), colours[index[..., 0]]
    yield f"PNG palette {bits}", png_file(index, bits, 3, chunk), truth
    data = png_file(index, bits, 3, chunk, (b"tRNS", alphas.tobytes()))
    yield f"PNG palette {bits} with alpha", data, on_white(truth, alphas[index])


def colour_cells(bits: int) -> Cells:
    """Yield files in which the neighbours of the transparent colour differ in the low byte alone."""
    colour = to_bits(COLOUR, bits)
    colour[5, :, :] = colour[10, 20, :]
    colour[5, 1::2, 2] ^= 1
    value, truth = colour[10, 20], shown(colour, bits)
    yield f"PNG colour {bits}", png_file(colour, bits, 2), truth
    data = png_file(colour, bits, 2, (b"tRNS", struct.pack(">3H", *map(int, value))))
    clear = (colour == value).all(axis=2, keepdims=True)
    yield f"PNG colour {bits} with a transparent value", data, np.where(clear, 255, truth)
