"""JPEG, WebP and AVIF files."""

import struct
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from tests.support.avif import clean_aperture, with_property
from tests.support.images import encode
from tests.support.metadata import orientation, segment
from tests.support.pictures.base import ALPHA, COLOUR, HEIGHT, PHOTO, TURNS, WIDTH, Cells, on_white, with_alpha

TRANSPARENT = Image.fromarray(with_alpha(COLOUR))
GREY_OF_COLOUR = np.repeat(np.asarray(PHOTO.convert("L"))[..., np.newaxis], 3, axis=2)
ANIMATED = {"save_all": True, "append_images": [PHOTO.rotate(180)]}
# Beginnings of frames: lossless, of 12 bits, of two channels.
FRAMES = {
    "lossless": b"\xff\xc3\0\x0b\x08\0\x40\0\x40\1\1\x11\0",
    "lossless, JPEG-LS": b"\xff\xf7\0\x0b\x08\0\x40\0\x40\1\1\x11\0",
    "of 12 bits": b"\xff\xc1\0\x0b\x0c\0\x40\0\x40\1\1\x11\0",
    "of two channels": b"\xff\xc0\0\x0e\x08\0\x40\0\x40\2\1\x11\0\2\x11\0",
}


def jpeg_cells() -> Cells:
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            options: dict[str, Any] = {"subsampling": subsampling, "progressive": progressive, "quality": 95}
            name = f"subsampling {subsampling}{' progressive' if progressive else ''}"
            yield f"JPEG {name}", encode(PHOTO, "JPEG", **options), COLOUR
            yield f"JPEG CMYK {name}", encode(PHOTO.convert("CMYK"), "JPEG", **options), COLOUR
    yield "JPEG grey", encode(PHOTO.convert("L"), "JPEG", quality=95), GREY_OF_COLOUR
    yield "JPEG restarts", encode(PHOTO, "JPEG", quality=95, restart_marker_rows=1), COLOUR
    yield "JPEG two pictures", encode(PHOTO, "MPO", quality=95, **ANIMATED), COLOUR
    whole = encode(PHOTO, "JPEG", quality=95, subsampling=0)
    yield "JPEG orientation in XMP alone", whole[:2] + segment(0xE1, xmp()) + whole[2:], COLOUR
    for name, frame in FRAMES.items():
        yield f"JPEG {name}", whole[:2] + frame + whole[2:], COLOUR


def webp_cells() -> Cells:
    for name, options in (("lossy", {"quality": 95}), ("lossless", {"lossless": True})):
        yield f"WEBP {name}", encode(PHOTO, "WEBP", **options), COLOUR
        yield f"WEBP {name} with alpha", encode(TRANSPARENT, "WEBP", **options), on_white(COLOUR, ALPHA)
    yield "WEBP animation", encode(PHOTO, "WEBP", lossless=True, **ANIMATED), COLOUR
    webp = bytearray(encode(PHOTO, "WEBP", lossless=True, **ANIMATED))
    webp[24:30] = struct.pack("<I", 2 * WIDTH - 1)[:3] + struct.pack("<I", 2 * HEIGHT - 1)[:3]
    truth = np.full((2 * HEIGHT, 2 * WIDTH, 3), 255, np.uint8)
    truth[:HEIGHT, :WIDTH] = COLOUR
    for alpha in (0, 0x10):
        webp[20] = 0x02 | alpha
        yield f"WEBP animation smaller than its canvas, alpha {alpha}", bytes(webp), truth


def avif_cells() -> Cells:
    for chroma in ("4:4:4", "4:2:2", "4:2:0"):
        options = {"subsampling": chroma, "quality": 95}
        yield f"AVIF {chroma}", encode(PHOTO, "AVIF", **options), COLOUR
        yield f"AVIF {chroma} with alpha", encode(TRANSPARENT, "AVIF", **options), on_white(COLOUR, ALPHA)
    plain = encode(PHOTO, "AVIF", quality=95)
    yield "AVIF with the brand mif1", plain.replace(b"ftypavif", b"ftypmif1"), COLOUR  # as HEIC can begin
    yield "AVIF grey", encode(PHOTO, "AVIF", subsampling="4:0:0", quality=95), GREY_OF_COLOUR
    yield "AVIF animation", encode(PHOTO, "AVIF", quality=95, **ANIMATED), COLOUR
    wide = (pyvips.Image.new_from_array(COLOUR).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    for bits in (10, 12):
        yield f"AVIF {bits} bits", wide.heifsave_buffer(bitdepth=bits, compression="av1", Q=95), COLOUR
    middle = (-WIDTH // 4, 1, 3 * -HEIGHT, 8)
    part = with_property(plain, clean_aperture(WIDTH // 2, 1, HEIGHT // 4, 1, *middle))
    yield "AVIF clean aperture", part, COLOUR[: HEIGHT // 4, : WIDTH // 2]
    outside = with_property(plain, clean_aperture(WIDTH // 2, 1, HEIGHT // 4, 1, WIDTH, 1, 0, 1))
    yield "AVIF damaged: aperture outside of the picture", outside, COLOUR
    yield "AVIF of an unknown coding", plain.replace(b"av1C", b"xxxx"), COLOUR


def orientation_cells() -> Cells:
    """Yield photos of each orientation, and with one of each integer type: BYTE to SLONG of EXIF 2.32, 4.6.2."""
    for format_ in ("JPEG", "WEBP", "AVIF"):
        options: dict[str, Any] = {"quality": 95} | ({"subsampling": 0} if format_ == "JPEG" else {})
        for value, turn in TURNS.items():
            exif = Image.Exif()
            exif[274] = value
            yield f"{format_} orientation {value}", encode(PHOTO, format_, exif=exif, **options), turn(COLOUR)
    for kind in (1, 4, 6, 8, 9):
        for format_ in ("JPEG", "PNG", "WEBP"):
            options = {"quality": 95, "subsampling": 0} if format_ == "JPEG" else {"lossless": True}
            data = encode(PHOTO, format_, exif=b"Exif\0\0" + orientation(kind), **options)
            yield f"{format_} orientation of type {kind}", data, TURNS[6](COLOUR)


def xmp() -> bytes:
    """Return a segment's content that tells an orientation in XMP."""
    return (
        b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
