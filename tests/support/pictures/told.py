"""Files that tell their colours: by a profile, or without one."""

import struct

import numpy as np

from tests.support.avif import with_colours, without_colours
from tests.support.icc import DISPLAY_P3, matrix_profile
from tests.support.images import encode
from tests.support.pictures.base import COLOUR, GREY, PHOTO, Cells, srgb
from tests.support.pictures.lossy import ANIMATED
from tests.support.pictures.png import png_file

SAMPLES = COLOUR / 255
ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)  # white, red, green and blue, times 100,000
# The matrices from linear Adobe RGB and Display P3 to BT.709, of the same white.
ADOBE_TO_709 = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])
P3_TO_709 = np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]])
LIGHT = np.where(SAMPLES <= 0.04045, SAMPLES / 12.92, ((SAMPLES + 0.055) / 1.055) ** 2.4)  # of sRGB
P3 = srgb(LIGHT @ P3_TO_709.T)
LOSSLESS = {"quality": 100, "subsampling": "4:4:4"}
STREAM_COLOURS = ({"color-primaries": "smpte432"}, {"transfer-characteristics": "8"})  # options of the encoder
HDR = {16: "PQ", 18: "HLG"}


def profile_cells() -> Cells:
    """Yield photos with the ICC profile of Display P3 with gamma 2.2."""
    profile, truth = matrix_profile(DISPLAY_P3, 2.2), srgb(SAMPLES**2.2 @ P3_TO_709.T)
    for format_ in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        options = {"quality": 95} if format_ not in ("PNG", "TIFF") else {}
        options |= {"subsampling": 0} if format_ == "JPEG" else {}
        yield f"{format_} profile", encode(PHOTO, format_, icc_profile=profile, **options), truth


def told_png_cells() -> Cells:
    """Yield photos whose colours are told by cICP, gAMA and cHRM, with the pixels that Chromium shows."""
    linear, adobe = _gamma(100_000), (b"cHRM", struct.pack(">8I", *ADOBE))
    for transfer, curve in {4: SAMPLES**2.2, 5: SAMPLES**2.8, 8: SAMPLES, 1: SAMPLES**2.4, 13: LIGHT}.items():
        yield f"PNG told cICP 1 {transfer}", _png((b"cICP", bytes([1, transfer, 0, 1])), linear), srgb(curve)
    for kind, code in {"unknown": b"\2\2\0\1", "narrow": b"\x0c\x0d\0\0", "matrix": b"\x0c\x0d\1\1"}.items():
        yield f"PNG told cICP {kind}", _png((b"cICP", code)), COLOUR
        yield f"PNG told cICP {kind}, then gAMA", _png((b"cICP", code), linear), srgb(SAMPLES)
    yield "PNG told cICP P3", _png((b"cICP", b"\x0c\x0d\0\1")), P3
    yield "PNG told gAMA", _png(linear), srgb(SAMPLES)
    yield "PNG told gAMA twice", _png(linear, _gamma(45_455)), srgb(SAMPLES)
    yield "PNG told gAMA of sRGB", _png(_gamma(45_455)), COLOUR
    yield "PNG told gAMA zero", _png(_gamma(0)), COLOUR
    yield "PNG told gAMA and sRGB", _png(linear, (b"sRGB", b"\0")), COLOUR
    yield "PNG told gAMA and wrong sRGB", _png(linear, (b"sRGB", b"\x09")), srgb(SAMPLES)
    yield "PNG told gAMA of grey", png_file(GREY, 8, 0, linear), np.repeat(srgb(GREY / 255), 3, axis=2)
    yield "PNG told cHRM", _png(adobe), COLOUR
    yield "PNG told cHRM of zeros", _png(_gamma(45_455), (b"cHRM", bytes(32))), COLOUR
    yield "PNG told cHRM and gAMA", _png(_gamma(45_455), adobe), srgb(SAMPLES**2.2 @ ADOBE_TO_709.T)
    for transfer, name in HDR.items():
        yield f"PNG HDR {name}", _png((b"cICP", bytes([9, transfer, 0, 1]))), COLOUR


def told_avif_cells() -> Cells:
    """Yield photos whose colours are told by nclx, with the pixels that Chromium shows."""
    plain = encode(PHOTO, "AVIF", **LOSSLESS)
    yield "AVIF told P3", with_colours(plain, 12, 13), P3
    yield "AVIF told linear", with_colours(plain, 1, 8), srgb(SAMPLES)
    for transfer in (0, 1, 2, 6):
        yield f"AVIF told transfer {transfer}", with_colours(plain, 2, transfer), COLOUR
    yield from told_stream_cells()
    yield "AVIF logarithmic", with_colours(plain, 1, 9), COLOUR
    yield "AVIF of xvYCC", with_colours(plain, 1, 12), COLOUR
    for transfer, name in HDR.items():
        yield f"AVIF HDR {name}", with_colours(plain, 9, transfer), COLOUR


def told_stream_cells() -> Cells:
    """Yield photos whose AV1 stream tells colours, which decide if no nclx of the picture does; also of a sequence."""
    sequence = ANIMATED | LOSSLESS
    for name, options in (("stream", LOSSLESS), ("sequence", sequence)):
        p3, linear = (encode(PHOTO, "AVIF", advanced=told, **options) for told in STREAM_COLOURS)
        yield f"AVIF told {name} of P3 without nclx", without_colours(p3), P3
        yield f"AVIF told {name} linear without nclx", without_colours(linear), srgb(SAMPLES)
        yield f"AVIF told {name} of P3, and sRGB", p3, COLOUR
        for transfer, hdr in HDR.items():
            stream = encode(PHOTO, "AVIF", advanced={"transfer-characteristics": str(transfer)}, **options)
            yield f"AVIF HDR {hdr} in a {name} without nclx", without_colours(stream), COLOUR


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG with `chunks` before its pixels."""
    return png_file(COLOUR, 8, 2, *chunks)


def _gamma(value: int) -> tuple[bytes, bytes]:
    """Return the chunk gAMA."""
    return b"gAMA", struct.pack(">I", value)
