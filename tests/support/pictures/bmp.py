"""BMP and GIF files."""

import struct

import numpy as np

from core.types import UInt8Array
from tests.support.images import encode
from tests.support.pictures.base import ALPHA, COLOUR, GREY, HEIGHT, PHOTO, WIDTH, Cells, on_white, with_alpha

ONE_BIT, FEW = PHOTO.convert("1"), PHOTO.quantize(64)
FEW_TRUTH = np.asarray(FEW.convert("RGB"))
MASKS_32 = {
    "BGRX": (0xFF0000, 0xFF00, 0xFF),
    "RGBX": (0xFF, 0xFF00, 0xFF0000),
    "XRGB": (0xFF000000, 0xFF0000, 0xFF00),
    "XBGR": (0xFF00, 0xFF0000, 0xFF000000),
    "10 bits": (0x3FF00000, 0xFFC00, 0x3FF),
}
MASKS_16 = {
    "565": (0xF800, 0x7E0, 0x1F),
    "555": (0x7C00, 0x3E0, 0x1F),
    "BGR 555": (0x1F, 0x3E0, 0x7C00),
    "444": (0xF00, 0xF0, 0xF),
}
MASKS_OF_ALPHA = {
    "BGRA": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    "RGBA": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "ABGR": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "10 bits and 2 of alpha": (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000),
}
# Position and value of a byte that makes another kind of a BMP.
CHANGES = {
    "BMP images with run lengths: of 8 bits": (30, 1),
    "BMP images with run lengths: of 4 bits": (30, 2),
    "BMP images with a JPEG or PNG inside: JPEG": (30, 4),
    "BMP images with a JPEG or PNG inside: PNG": (30, 5),
    "BMP 2 bits": (28, 2),
    "BMP images of OS/2: header of 16 bytes": (14, 16),
    "BMP images of OS/2: header of 64 bytes": (14, 64),
}


def bmp_file(masks: tuple[int, ...], bits: int, header: int, pixels: UInt8Array = COLOUR) -> bytes:
    """Return a BMP with bit fields; the fourth of the `masks` is that of alpha."""
    values = np.zeros((HEIGHT, WIDTH), np.uint64)
    for channel, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        values |= (pixels[::-1, :, channel].astype(np.uint64) * (mask >> shift) // 255) << np.uint64(shift)
    rows = values.astype("<u4" if bits == 32 else "<u2").tobytes()
    info = struct.pack("<IiiHHIIiiII", header, WIDTH, HEIGHT, 1, bits, 3, len(rows), 0, 0, 0, 0)
    info += struct.pack("<4I", *(*masks, 0)[:4])[: 12 if header == 40 else 16]
    info = info.ljust(header, b"\0")
    return struct.pack("<2sIHHI", b"BM", 14 + len(info) + len(rows), 0, 0, 14 + len(info)) + info + rows


def bmp_cells() -> Cells:
    for name, picture, truth in (
        ("1 bit", ONE_BIT, np.asarray(ONE_BIT.convert("RGB"))),
        ("grey", PHOTO.getchannel(2), np.repeat(GREY, 3, axis=2)),
        ("palette", FEW, FEW_TRUTH),
        ("colour", PHOTO, COLOUR),
    ):
        yield f"BMP {name}", encode(picture, "BMP"), truth
    yield from bmp_field_cells()
    screenshot = bmp_file((0xFF0000, 0xFF00, 0xFF), 32, 124)
    yield "BMP without bit fields", screenshot[:30] + b"\0" + screenshot[31:], COLOUR
    core = struct.pack("<2sIHHIIHHHH", b"BM", 26 + COLOUR.size, 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24)
    yield "BMP with a header of 12 bytes", core + COLOUR[::-1, :, ::-1].tobytes(), COLOUR
    plain = encode(FEW, "BMP")
    for name, (position, value) in CHANGES.items():
        yield name, plain[:position] + bytes([value, 0]) + plain[position + 2 :], FEW_TRUTH


def bmp_field_cells() -> Cells:
    """Yield files whose channels lie as masks tell."""
    for name, masks in MASKS_32.items():
        for header in (40, 108, 124):
            yield f"BMP {name} {header}", bmp_file(masks, 32, header), COLOUR
    for name, masks in MASKS_16.items():
        levels = [mask >> ((mask & -mask).bit_length() - 1) for mask in masks]
        truth = (COLOUR.astype(int) * levels // 255 * 255 // levels).astype(np.uint8)
        for header in (40, 124):
            yield f"BMP {name} {header}", bmp_file(masks, 16, header), truth
    data = bmp_file((0x7C00, 0x3E0, 0x1F, 0x8000), 16, 124, with_alpha(COLOUR))
    yield "BMP images of 16 bits with alpha: 1555", data, on_white(COLOUR, np.where(ALPHA == 255, 255, 0))
    for name, fields in MASKS_OF_ALPHA.items():
        alpha = ALPHA if "2 of" not in name else np.where(ALPHA == 128, 85, ALPHA)
        yield f"BMP {name}", bmp_file(fields, 32, 108, with_alpha(COLOUR)), on_white(COLOUR, alpha)
        without = np.concatenate([COLOUR, np.zeros_like(ALPHA)], axis=2)
        yield f"BMP {name} with an empty alpha", bmp_file(fields, 32, 108, without), COLOUR


def gif_cells() -> Cells:
    for interlace in (0, 1):
        yield f"GIF {'interlaced' if interlace else 'plain'}", encode(FEW, "GIF", interlace=interlace), FEW_TRUTH
    clear = encode(FEW, "GIF", transparency=5)
    truth = np.where((np.asarray(FEW) == 5)[..., np.newaxis], 255, FEW_TRUTH).astype(np.uint8)
    yield "GIF with a transparent colour", clear, truth
    yield "GIF animation", encode(FEW, "GIF", save_all=True, append_images=[FEW.rotate(180)]), FEW_TRUTH
    plain = encode(FEW, "GIF")
    canvas = np.full((2 * HEIGHT, 2 * WIDTH, 3), 255, np.uint8)
    canvas[:HEIGHT, :WIDTH] = FEW_TRUTH
    yield "GIF smaller than its canvas", plain[:6] + struct.pack("<HH", 2 * WIDTH, 2 * HEIGHT) + plain[10:], canvas
