"""TIFF files. Their names have bits, byte order (< or >) and compression (1 is none, 8 is Deflate)."""

import struct
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from PIL import Image

from core.types import UInt8Array
from tests.support.images import encode, tiff
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
    on_white,
    shown,
    to_bits,
    with_alpha,
)
from tests.support.tiff import (
    BLACK_IS_ZERO,
    CMYK,
    DEFLATE,
    FLOAT,
    NONE,
    PALETTE,
    RGB,
    SIGNED,
    UNSIGNED,
    WHITE_IS_ZERO,
    YCBCR,
    subsampled,
    tiff_file,
    tiff_pictures,
)

ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")
LAB = 8


def tiff_cells() -> Iterator[Cells]:
    for order in ORDERS:
        for way in (NONE, DEFLATE):
            for planar in (False, True):
                kind = f"{'planar ' if planar else ''}{order} {way}"
                layout = {"order": order, "compression": way, "planar": planar}
                yield depths(kind, layout)
                yield channels(kind, layout)
        yield sample_formats(order)
    yield from (several_channels(), video(), codecs(), turned(), pages(), refused())


def depths(kind: str, layout: dict[str, Any]) -> Cells:
    for bits in (1, 2, 4, 8, 12, 16, 32):
        grey, colour = to_bits(GREY, bits), to_bits(COLOUR, bits)
        white_is_zero = ((1 << bits) - 1 - grey.astype(np.int64)).astype(grey.dtype)
        layout["bits"] = bits
        yield f"TIFF grey {bits} {kind}", tiff_file(grey, BLACK_IS_ZERO, **layout), shown(grey, bits)
        yield f"TIFF white is zero {bits} {kind}", tiff_file(white_is_zero, WHITE_IS_ZERO, **layout), shown(grey, bits)
        yield f"TIFF colour {bits} {kind}", tiff_file(colour, RGB, **layout), shown(colour, bits)


def channels(kind: str, layout: dict[str, Any]) -> Cells:
    """Yield files of inks, and with an extra channel: no alpha (0), or alpha (1 is multiplied with the colours)."""
    for bits in (8, 16):
        layout["bits"] = bits
        for photometric, pixels in ((BLACK_IS_ZERO, GREY), (RGB, COLOUR)):
            blended = on_white(pixels, ALPHA)
            premultiplied = (pixels.astype(int) * ALPHA // 255).astype(np.uint8)
            truths = {0: on_white(pixels, np.full_like(ALPHA, 255)), 1: blended, 2: blended}
            for extra, truth in truths.items():
                samples = to_bits(with_alpha(premultiplied if extra == 1 else pixels), bits)
                data = tiff_file(samples, photometric, tags={338: (extra,)}, **layout)
                yield f"TIFF photometric {photometric} alpha {extra} {bits} {kind}", data, truth
        inks = to_bits(np.concatenate([255 - COLOUR, np.zeros_like(GREY)], axis=2), bits)
        yield f"TIFF CMYK {bits} {kind}", tiff_file(inks, CMYK, tags={332: (1,)}, **layout), COLOUR


def sample_formats(order: Literal["<", ">"]) -> Cells:
    for sample_format, kinds in {
        SIGNED: (np.int8, np.int16, np.int32),
        FLOAT: (np.float16, np.float32, np.float64),
        UNSIGNED: (np.uint64,),
    }.items():
        for dtype in kinds:
            for photometric, pixels in ((BLACK_IS_ZERO, GREY), (RGB, COLOUR)):
                data = tiff_file(pixels.astype(dtype), photometric, order=order, sample_format=sample_format)
                yield f"TIFF {np.dtype(dtype).name} {photometric} {order}", data, COLOUR


def several_channels() -> Cells:
    """Yield RGB with two or three extra channels, of which 2 is alpha."""
    blended = on_white(COLOUR, ALPHA)
    for kinds, truth in {
        (0, 0): COLOUR,
        (0, 0, 0): COLOUR,
        (2, 0): blended,
        (2, 0, 0): blended,
        (0, 2): blended,
    }.items():
        samples = np.concatenate([COLOUR] + [ALPHA] * len(kinds), axis=2)
        yield f"TIFF channels {' '.join(map(str, kinds))}", tiff_file(samples, RGB, tags={338: kinds}), truth


def video() -> Cells:
    """Yield YCbCr, whole and with one chrominance for several pixels."""
    pixels = np.asarray(PHOTO.convert("YCbCr"))
    for way in (NONE, DEFLATE):
        whole = tiff_file(pixels, YCBCR, compression=way, tags={530: (1, 1)})
        yield f"TIFF YCbCr {way}", whole, COLOUR
        for across, down in ((2, 1), (2, 2), (4, 4)):
            strip = subsampled(pixels, across, down)
            data = tiff_file(pixels, YCBCR, strip=strip, compression=way, tags={530: (across, down)})
            yield f"TIFF YCbCr subsampled {across} x {down} {way}", data, blocks(pixels, across, down)


def blocks(ycbcr: UInt8Array, across: int, down: int) -> UInt8Array:
    """Return the RGB pixels of `ycbcr` pixels whose chrominance is equal in blocks."""
    chrominance = ycbcr[..., 1:].reshape(HEIGHT // down, down, WIDTH // across, across, 2).mean(axis=(1, 3)).round()
    whole = chrominance.repeat(down, axis=0).repeat(across, axis=1).astype(np.uint8)
    return np.asarray(Image.fromarray(np.concatenate([ycbcr[..., :1], whole], axis=2), "YCbCr").convert("RGB"))


def codecs() -> Cells:
    palette = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH, 1).astype(np.uint8)
    colours = tuple(int(value) * 257 for value in PALETTE_OF_256.T.ravel())
    yield "TIFF palette", tiff_file(palette, PALETTE, tags={320: colours}), PALETTE_OF_256[palette[..., 0]]
    for method in ("tiff_lzw", "packbits", "jpeg", "zstd", "lzma"):
        options = {"quality": 95} if method == "jpeg" else {}
        yield f"TIFF colour {method}", encode(PHOTO, "TIFF", compression=method, **options), COLOUR
    yield "TIFF tiles", encode(PHOTO, "TIFF", compression="tiff_adobe_deflate", tile=(16, 16)), COLOUR
    yield "TIFF of 64 bits", encode(PHOTO, "TIFF", big_tiff=True), COLOUR
    one_bit = PHOTO.convert("1")
    for method in ("group3", "group4", "tiff_ccitt"):
        truth = np.asarray(one_bit.convert("RGB"))
        yield f"TIFF fax {method}", encode(one_bit, "TIFF", compression=method), truth


def turned() -> Cells:
    for orientation, turn in TURNS.items():
        yield f"TIFF orientation {orientation}", tiff_file(COLOUR, RGB, tags={274: (orientation,)}), turn(COLOUR)


def pages() -> Cells:
    """Yield files of several pictures, of which some are reduced (tag 254), or come from a camera (50706)."""
    black = np.zeros((HEIGHT, HEIGHT, 3), np.uint8)
    yield "TIFF two pages", encode(PHOTO, "TIFF", save_all=True, append_images=[PHOTO.rotate(180)]), COLOUR
    yield "TIFF reduced page first", tiff_pictures({254: 1}, {256: HEIGHT, 257: HEIGHT}, size=HEIGHT), black
    yield "camera raw files: TIFF DNG", tiff_pictures({254: 1, 50706: 1025}, {}), black
    for code in (32803, 34892):
        yield f"camera raw files: TIFF colours {code}", tiff_pictures({254: 1}, {262: code}), black
    yield "camera raw files: TIFF below", tiff_pictures({254: 1}, below={262: 32803, 259: 34713}), black
    for maker in (b"CR\2\0", b"IIII", b"MMMM"):
        data = tiff_pictures({})
        yield f"camera raw files: TIFF {maker.decode()}", data[:8] + maker + data[12:], black


def refused() -> Cells:
    photometric, compression = struct.pack("<HHIH", 262, 3, 1, RGB), struct.pack("<HHIH", 259, 3, 1, NONE)
    plain = tiff_file(COLOUR, RGB)
    yield "TIFF CIELAB", plain.replace(photometric, photometric[:8] + struct.pack("<H", LAB)), COLOUR
    for code in (6, 34661, 34712, 34887, 50001, 50002):
        yield f"TIFF compression {code}", plain.replace(compression, compression[:8] + struct.pack("<H", code)), COLOUR
    yield "TIFF fax of too many lines", tiff(t258=(3, 1, 1), t259=(3, 1, 4), t257=(4, 1, 70_000)), COLOUR
