"""Every format, pixel type, bit depth, compression, alpha and orientation: the right picture, or a named rejection.

The pixels that a file was made of are the truth, and libvips, another decoder, says the same where it reads the file.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import pyvips
from PIL import Image

from core.errors import UnsupportedImage
from core.image.decode import read_image
from core.types import UInt8Array
from tests.support.avif import with_property
from tests.support.images import encode, png
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
    packed_rows,
    tiff_file,
)
from tests.support.vips import by_libvips, difference

# A file, its true pixels as RGB, and whether libvips reads it the same way.
Cell: TypeAlias = tuple[bytes, UInt8Array, bool]

MAX_DIFFERENCE = 3  # mean absolute difference, of 255
HEIGHT, WIDTH = 32, 48
YCBCR = 6  # a photometric interpretation of TIFF
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
COLOUR = np.stack(
    [X * 255 // (WIDTH - 1), Y * 255 // (HEIGHT - 1), (X + Y) * 255 // (WIDTH + HEIGHT - 2)], axis=2
).astype(np.uint8)
GREY = COLOUR[..., 2:]
ALPHA = np.select([X < WIDTH // 3, X < 2 * WIDTH // 3], [0, 128], 255).astype(np.uint8)[..., np.newaxis]
PHOTO = Image.fromarray(COLOUR)
PALETTE_OF_256 = np.random.default_rng(1).integers(0, 256, (256, 3)).astype(np.uint8)
# The EXIF orientation of a file that shows the upright pixels: their inverse, as EXIF 2.32 defines them.
TURNS: dict[int, Callable[[Any], Any]] = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90,
}


def to_bits(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Return `pixels`, 0 to 255, as samples of `bits` bits."""
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return (pixels.astype(np.uint64) * ((1 << bits) - 1) // 255).astype(kind)


def shown(samples: npt.NDArray[Any], bits: int) -> UInt8Array:
    """Return the RGB pixels that grey or colour `samples` of `bits` bits mean."""
    pixels = (samples.astype(np.uint64) * 255 // ((1 << bits) - 1)).astype(np.uint8)
    return np.repeat(pixels, 3 // pixels.shape[2], axis=2)


def on_white(pixels: UInt8Array, alpha: npt.NDArray[Any]) -> UInt8Array:
    """Return `pixels`, grey or RGB, blended with white."""
    blended = pixels * (alpha / 255) + 255 - alpha
    return np.repeat(blended, 3 // pixels.shape[2], axis=2).astype(np.uint8)


def with_alpha(pixels: UInt8Array) -> UInt8Array:
    """Return `pixels` with ALPHA as a further channel."""
    return np.concatenate([pixels, ALPHA], axis=2)


def png_file(samples: npt.NDArray[Any], bits: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG of `samples` [height, width, channels]."""
    rows = packed_rows(samples, bits, ">")
    size = len(rows) // len(samples)
    raw = b"".join(b"\0" + rows[start : start + size] for start in range(0, len(rows), size))
    return png(WIDTH, HEIGHT, *chunks, (b"IDAT", zlib.compress(raw)), depth=bits, colour=colour)


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


def tiff_layouts(order: Literal["<", ">"], compression: int, *, planar: bool) -> Iterable[tuple[str, Cell]]:
    kind = f"{'planar ' if planar else ''}{order} {compression}"
    layout: dict[str, Any] = {"order": order, "compression": compression, "planar": planar}
    for bits in (1, 2, 4, 8, 12, 16, 32):
        grey, colour = to_bits(GREY, bits), to_bits(COLOUR, bits)
        white_is_zero = ((1 << bits) - 1 - grey.astype(np.int64)).astype(grey.dtype)
        same = not planar and bits != 12
        yield (
            f"grey {bits} {kind}",
            (tiff_file(grey, BLACK_IS_ZERO, bits=bits, **layout), shown(grey, bits), same),
        )
        yield (
            f"white is zero {bits} {kind}",
            (tiff_file(white_is_zero, WHITE_IS_ZERO, bits=bits, **layout), shown(grey, bits), same),
        )
        yield (
            f"colour {bits} {kind}",
            (tiff_file(colour, RGB, bits=bits, **layout), shown(colour, bits), bits >= 8 and bits != 12),
        )
    for bits in (8, 16):
        for photometric, pixels in ((BLACK_IS_ZERO, GREY), (RGB, COLOUR)):
            blended = on_white(pixels, ALPHA)
            premultiplied = (pixels.astype(int) * ALPHA // 255).astype(np.uint8)
            truths = {0: on_white(pixels, np.full_like(ALPHA, 255)), 1: blended, 2: blended}
            for extra, truth in truths.items():
                samples = to_bits(with_alpha(premultiplied if extra == 1 else pixels), bits)
                data = tiff_file(samples, photometric, bits=bits, tags={338: (extra,)}, **layout)
                yield f"photometric {photometric} alpha {extra} {bits} {kind}", (data, truth, False)
        inks = to_bits(np.concatenate([255 - COLOUR, np.zeros_like(GREY)], axis=2), bits)
        yield (
            f"CMYK {bits} {kind}",
            (tiff_file(inks, CMYK, bits=bits, tags={332: (1,)}, **layout), COLOUR, False),
        )


def tiff_sample_formats(order: Literal["<", ">"]) -> Iterable[tuple[str, Cell]]:
    for sample_format, kinds in {
        SIGNED: (np.int8, np.int16, np.int32),
        FLOAT: (np.float16, np.float32, np.float64),
        UNSIGNED: (np.uint64,),
    }.items():
        for dtype in kinds:
            for photometric, pixels in ((BLACK_IS_ZERO, GREY), (RGB, COLOUR)):
                data = tiff_file(pixels.astype(dtype), photometric, order=order, sample_format=sample_format)
                yield f"{np.dtype(dtype).name} {photometric} {order}", (data, COLOUR, False)


def tiff_ycbcr() -> Iterable[tuple[str, Cell]]:
    """Yield YCbCr with chrominance of 2 x 2 pixels, which lies in a strip as blocks of six samples, and without."""
    light, blue, red = np.moveaxis(np.asarray(PHOTO.convert("YCbCr")), 2, 0)
    blocks = light.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).transpose(0, 2, 1, 3).reshape(HEIGHT // 2, WIDTH // 2, 4)
    packed = np.concatenate([blocks, blue[::2, ::2, np.newaxis], red[::2, ::2, np.newaxis]], axis=2)
    for way in (NONE, DEFLATE):
        whole = tiff_file(np.stack([light, blue, red], axis=2), YCBCR, compression=way, tags={530: (1, 1)})
        yield f"YCbCr {way}", (whole, COLOUR, False)
        rows = packed.tobytes() if way == NONE else zlib.compress(packed.tobytes())
        plain = tiff_file(np.zeros((HEIGHT, WIDTH, 3), np.uint8), YCBCR, tags={530: (2, 2)})
        strips = struct.pack("<HHI", 279, 4, 1)
        assert strips in plain
        at = plain.index(strips) + 8
        start = struct.unpack("<I", plain[plain.index(struct.pack("<HHI", 273, 4, 1)) + 8 :][:4])[0]
        data = bytearray(plain)
        data[at : at + 4] = struct.pack("<I", len(rows))
        data[start : start + len(rows)] = rows
        method = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
        data[method : method + 2] = struct.pack("<H", way)
        yield f"YCbCr subsampled {way}", (bytes(data), COLOUR, True)


def tiff_others() -> Iterable[tuple[str, Cell]]:
    palette = np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH, 1).astype(np.uint8)
    colours = tuple(int(value) * 257 for value in PALETTE_OF_256.T.ravel())
    yield "palette", (tiff_file(palette, PALETTE, tags={320: colours}), PALETTE_OF_256[palette[..., 0]], True)
    for method in ("tiff_lzw", "packbits", "jpeg", "zstd", "lzma"):
        yield (
            f"colour {method}",
            (
                encode(PHOTO, "TIFF", compression=method, **({"quality": 95} if method == "jpeg" else {})),
                COLOUR,
                method in ("tiff_lzw", "packbits"),
            ),
        )
    big = encode(PHOTO, "TIFF", big_tiff=True)
    yield "BigTIFF", (big, COLOUR, True)
    photometric = struct.pack("<HHQ", 262, 3, 1)
    yield "BigTIFF of CIELAB", (big.replace(photometric + b"\2", photometric + b"\x09"), COLOUR, False)
    one_bit = PHOTO.convert("1")
    for method in ("group3", "group4", "tiff_ccitt"):
        truth = np.asarray(one_bit.convert("RGB"))
        yield f"fax {method}", (encode(one_bit, "TIFF", compression=method), truth, True)
    for code in (6, 34661, 34712, 34887, 50001, 50002):
        yield (
            f"compression {code}",
            (
                tiff_file(COLOUR, RGB).replace(
                    struct.pack("<HHIH", 259, 3, 1, 1), struct.pack("<HHIH", 259, 3, 1, code)
                ),
                COLOUR,
                False,
            ),
        )
    for orientation, turn in TURNS.items():
        yield f"orientation {orientation}", (tiff_file(COLOUR, RGB, tags={274: (orientation,)}), turn(COLOUR), True)


def png_cells() -> Iterable[tuple[str, Cell]]:
    for bits in (1, 2, 4, 8, 16):
        grey = to_bits(GREY, bits)
        clear = int(grey[10, 20, 0])
        truth = shown(grey, bits)
        yield f"grey {bits}", (png_file(grey, bits, 0), truth, True)
        yield (
            f"grey {bits} with a transparent value",
            (png_file(grey, bits, 0, (b"tRNS", struct.pack(">H", clear))), np.where(grey == clear, 255, truth), True),
        )
        if bits <= 8:
            index = (X * (1 << bits) // WIDTH).astype(np.uint8)[..., np.newaxis]
            colours, alphas = PALETTE_OF_256[: 1 << bits], np.linspace(0, 255, 1 << bits).astype(np.uint8)
            chunk, truth = (b"PLTE", colours.tobytes()), colours[index[..., 0]]
            yield f"palette {bits}", (png_file(index, bits, 3, chunk), truth, True)
            yield (
                f"palette {bits} with alpha",
                (png_file(index, bits, 3, chunk, (b"tRNS", alphas.tobytes())), on_white(truth, alphas[index]), True),
            )
        else:
            colour = to_bits(COLOUR, bits)
            # Its neighbours differ in the low byte alone.
            colour[5, :, :] = colour[10, 20, :]
            colour[5, 1::2, 2] ^= 1
            value, truth = colour[10, 20], shown(colour, bits)
            yield f"colour {bits}", (png_file(colour, bits, 2), truth, True)
            yield (
                f"colour {bits} with a transparent value",
                (
                    png_file(colour, bits, 2, (b"tRNS", struct.pack(">3H", *map(int, value)))),
                    np.where((colour == value).all(axis=2, keepdims=True), 255, truth),
                    True,
                ),
            )
        if bits >= 8:
            yield (
                f"grey {bits} with alpha",
                (png_file(to_bits(with_alpha(GREY), bits), bits, 4), on_white(GREY, ALPHA), True),
            )
            yield (
                f"colour {bits} with alpha",
                (png_file(to_bits(with_alpha(COLOUR), bits), bits, 6), on_white(COLOUR, ALPHA), True),
            )
    interlaced = pyvips.Image.new_from_array(COLOUR).pngsave_buffer(interlace=True)
    yield "interlaced", (interlaced, COLOUR, True)
    for orientation, turn in TURNS.items():
        exif = Image.Exif()
        exif[274] = orientation
        yield f"orientation {orientation}", (encode(PHOTO, exif=exif), turn(COLOUR), True)


def lossy_cells() -> Iterable[tuple[str, Cell]]:
    transparent = Image.fromarray(with_alpha(COLOUR))
    grey = np.repeat(np.asarray(PHOTO.convert("L"))[..., np.newaxis], 3, axis=2)
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            options: dict[str, Any] = {"subsampling": subsampling, "progressive": progressive, "quality": 95}
            name = f"subsampling {subsampling}{' progressive' if progressive else ''}"
            yield f"JPEG {name}", (encode(PHOTO, "JPEG", **options), COLOUR, True)
            yield f"JPEG CMYK {name}", (encode(PHOTO.convert("CMYK"), "JPEG", **options), COLOUR, False)
    yield "JPEG grey", (encode(PHOTO.convert("L"), "JPEG", quality=95), grey, True)
    yield "JPEG restarts", (encode(PHOTO, "JPEG", quality=95, restart_marker_rows=1), COLOUR, True)
    for name, options in (("lossy", {"quality": 95}), ("lossless", {"lossless": True})):
        yield f"WEBP {name}", (encode(PHOTO, "WEBP", **options), COLOUR, True)
        yield f"WEBP {name} with alpha", (encode(transparent, "WEBP", **options), on_white(COLOUR, ALPHA), True)
    for chroma in ("4:4:4", "4:2:0"):
        options = {"subsampling": chroma, "quality": 95}
        yield f"AVIF {chroma}", (encode(PHOTO, "AVIF", **options), COLOUR, True)
        yield f"AVIF {chroma} with alpha", (encode(transparent, "AVIF", **options), on_white(COLOUR, ALPHA), True)
    of_any_image = encode(PHOTO, "AVIF", quality=95).replace(b"ftypavif", b"ftypmif1")  # as HEIC can begin
    yield "AVIF with the brand mif1", (of_any_image, COLOUR, True)
    yield "AVIF grey", (encode(PHOTO, "AVIF", subsampling="4:0:0", quality=95), grey, True)
    wide = (pyvips.Image.new_from_array(COLOUR).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    for bits in (10, 12):
        yield f"AVIF {bits}", (wide.heifsave_buffer(bitdepth=bits, compression="av1", Q=95), COLOUR, True)
    for format_ in ("JPEG", "WEBP", "AVIF"):
        for orientation, turn in TURNS.items():
            exif = Image.Exif()
            exif[274] = orientation
            options = {"quality": 95} | ({"subsampling": 0} if format_ == "JPEG" else {})
            yield (
                f"{format_} orientation {orientation}",
                (encode(PHOTO, format_, exif=exif, **options), turn(COLOUR), True),
            )


def canvas_cells() -> Iterable[tuple[str, Cell]]:
    frames = {"save_all": True, "append_images": [PHOTO.rotate(180)], "lossless": True}
    webp = bytearray(encode(PHOTO, "WEBP", **frames))
    webp[24:30] = struct.pack("<I", 2 * WIDTH - 1)[:3] + struct.pack("<I", 2 * HEIGHT - 1)[:3]
    truth = np.full((2 * HEIGHT, 2 * WIDTH, 3), 255, np.uint8)
    truth[:HEIGHT, :WIDTH] = COLOUR
    for alpha in (0, 0x10):
        webp[20] = 0x02 | alpha
        yield f"WEBP animation smaller than its canvas, alpha {alpha}", (bytes(webp), truth, False)


def orientation_cells() -> Iterable[tuple[str, Cell]]:
    """Yield photos whose orientation is of each integer type: BYTE to SLONG of EXIF 2.32, 4.6.2."""
    for kind, form in {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}.items():
        entry = struct.pack("<HHI", 274, kind, 1) + struct.pack("<" + form, 6).ljust(4, b"\0")
        exif = b"Exif\0\0II*\0\x08\0\0\0\1\0" + entry + bytes(4)
        for format_ in ("JPEG", "PNG", "WEBP"):
            options = {"quality": 95, "subsampling": 0} if format_ == "JPEG" else {"lossless": True}
            data = encode(PHOTO, format_, exif=exif, **options)
            yield f"{format_} orientation of type {kind}", (data, TURNS[6](COLOUR), format_ != "WEBP")
        for way in (NONE, DEFLATE):
            short = struct.pack("<HHIHH", 274, 3, 1, 6, 0)
            tiff = tiff_file(COLOUR, RGB, compression=way, tags={274: (6,)})
            data = tiff.replace(short, entry)
            assert entry in data
            yield f"TIFF orientation of type {kind} {way}", (data, TURNS[6](COLOUR), True)


def srgb(light: npt.NDArray[Any]) -> UInt8Array:
    """Return linear light, 0 to 1, as sRGB (IEC 61966-2-1)."""
    light = light.clip(0, 1)
    return (
        (255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)).round().astype(np.uint8)
    )


def told_colour_cells() -> Iterable[tuple[str, Cell]]:
    """Yield photos whose colours are told without ICC, with the pixels that Chromium shows."""

    def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
        return png_file(COLOUR, 8, 2, *chunks)

    def gamma(value: int) -> tuple[bytes, bytes]:
        return b"gAMA", struct.pack(">I", value)

    samples = COLOUR / 255
    linear, adobe = gamma(100_000), (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    for name, curve in {4: samples**2.2, 5: samples**2.8, 8: samples, 1: samples**2.4, 13: None}.items():
        truth = COLOUR if curve is None else srgb(curve)
        yield f"PNG cICP 1 {name}", (png_of((b"cICP", bytes([1, name, 0, 1])), linear), truth, False)
    for kind, code in {"unknown": b"\2\2\0\1", "narrow": b"\x0c\x0d\0\0", "matrix": b"\x0c\x0d\1\1"}.items():
        yield f"PNG cICP {kind}", (png_of((b"cICP", code)), COLOUR, True)
        yield f"PNG cICP {kind}, then gAMA", (png_of((b"cICP", code), linear), srgb(samples), False)
    for transfer in (16, 18):
        yield f"PNG HDR {transfer}", (png_of((b"cICP", bytes([9, transfer, 0, 1]))), COLOUR, False)
        yield f"AVIF HDR {transfer}", (nclx(9, transfer), COLOUR, False)
    yield "PNG gAMA", (png_of(linear), srgb(samples), False)
    yield "PNG gAMA twice", (png_of(linear, gamma(45_455)), srgb(samples), False)
    yield "PNG gAMA of sRGB", (png_of(gamma(45_455)), COLOUR, True)
    yield "PNG gAMA zero", (png_of(gamma(0)), COLOUR, True)
    yield "PNG gAMA and sRGB", (png_of(linear, (b"sRGB", b"\0")), COLOUR, True)
    yield "PNG gAMA and wrong sRGB", (png_of(linear, (b"sRGB", b"\x09")), srgb(samples), False)
    yield "PNG cHRM", (png_of((b"cHRM", struct.pack(">8I", *adobe))), COLOUR, True)
    yield "PNG wrong cHRM", (png_of(gamma(45_455), (b"cHRM", bytes(32))), COLOUR, True)
    grey = png_file(GREY, 8, 0, linear)
    yield "PNG grey gAMA", (grey, np.repeat(srgb(GREY / 255), 3, axis=2), False)
    # The matrices from linear Adobe RGB and Display P3 to BT.709, of the same white.
    to_709 = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])
    data = png_of(gamma(45_455), (b"cHRM", struct.pack(">8I", *adobe)))
    yield "PNG cHRM and gAMA", (data, srgb(samples**2.2 @ to_709.T), False)
    to_709 = np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09827]])
    p3 = srgb(np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4) @ to_709.T)
    yield "PNG cICP P3", (png_of((b"cICP", bytes([12, 13, 0, 1]))), p3, False)
    yield "AVIF P3", (nclx(12, 13), p3, False)
    yield "AVIF linear", (nclx(1, 8), srgb(samples), False)
    yield "AVIF transfer 12", (nclx(1, 12), COLOUR, False)
    for transfer in (0, 1, 2, 6):
        yield f"AVIF transfer {transfer}", (nclx(2, transfer), COLOUR, True)


def nclx(primaries: int, transfer: int) -> bytes:
    """Return an AVIF of PHOTO that tells these colours, and others that belong to no picture."""
    data = encode(PHOTO, "AVIF", quality=100, subsampling="4:4:4")
    start = data.index(b"colrnclx") + 8
    other = b"\0\0\0\x1bfree\0\0\0\x13colrnclx\0\x09\0\x10\0\x09\x80"
    return data[:start] + struct.pack(">HH", primaries, transfer) + data[start + 4 :] + other


def aperture_cells() -> Iterable[tuple[str, Cell]]:
    """Yield AVIF photos of which a part is to be shown, by the property `clap`, right and damaged."""
    plain = encode(PHOTO, "AVIF", quality=95)
    width, height = WIDTH // 2, HEIGHT // 4
    for name, x, part in (("left", -WIDTH // 4, COLOUR[: HEIGHT // 4, : WIDTH // 2]), ("outside", WIDTH, COLOUR)):
        clap = struct.pack(">8i", width, 1, height, 1, x, 1, 3 * -HEIGHT, 8)
        yield f"AVIF clean aperture {name}", (with_property(plain, b"clap" + clap), part, False)
    yield "AVIF clean aperture zero", (with_property(plain, b"clap" + bytes(32)), COLOUR, False)


def pnm_cells() -> Iterable[tuple[str, Cell]]:
    size = b"%d %d" % (WIDTH, HEIGHT)
    for maximum in (1, 100, 255, 1023, 65535):
        kind = np.dtype(">u2" if maximum > 255 else np.uint8)
        for name, binary, text, pixels in (("PGM", b"P5", b"P2", GREY), ("PPM", b"P6", b"P3", COLOUR)):
            values = (pixels.astype(int) * maximum // 255).astype(kind)
            truth = np.repeat((values.astype(int) * 255 // maximum), 3 // values.shape[2], axis=2).astype(np.uint8)
            for space in (b" ", b"\n# a comment\n\t"):
                header = space.join((size, b"%d\n" % maximum))
                yield f"{name} {maximum} {space!r}", (binary + space + header + values.tobytes(), truth, False)
                numbers = b" ".join(b"%d" % value for value in values.ravel())
                yield f"{name} as text {maximum} {space!r}", (text + space + header + numbers, truth, False)
    bits = GREY > 127
    truth = np.repeat(bits * np.uint8(255), 3, axis=2)
    yield "PBM as text", (b"P1\n" + size + b"\n" + b" ".join(b"%d" % (not bit) for bit in bits.ravel()), truth, False)
    header = b"P7\nWIDTH %d\nHEIGHT %d\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" % (WIDTH, HEIGHT)
    yield "PAM", (header + COLOUR.tobytes(), COLOUR, False)
    for magic, pixels in ((b"Pf", GREY), (b"PF", COLOUR)):
        floats = (pixels[::-1] / 255).astype("<f4").tobytes()
        yield f"PFM {magic.decode()}", (magic + b"\n" + size + b"\n-1.0\n" + floats, COLOUR, False)


def other_cells() -> Iterable[tuple[str, Cell]]:
    few = PHOTO.quantize(64)
    few_truth = np.asarray(few.convert("RGB"))
    for interlace in (0, 1):
        yield f"GIF {interlace}", (encode(few, "GIF", interlace=interlace), few_truth, True)
    grey, blended = shown(GREY, 8), on_white(COLOUR, ALPHA)
    one_bit = PHOTO.convert("1")
    pictures = {
        "1": (one_bit, np.asarray(one_bit.convert("RGB"))),
        "L": (Image.fromarray(GREY[..., 0]), grey),
        "LA": (Image.fromarray(with_alpha(GREY), "LA"), on_white(GREY, ALPHA)),
        "P": (few, few_truth),
        "RGB": (PHOTO, COLOUR),
        "RGBA": (Image.fromarray(with_alpha(COLOUR)), blended),
    }
    written: dict[str, tuple[tuple[str, ...], tuple[dict[str, Any], ...]]] = {
        "BMP": (("1", "L", "P", "RGB"), ({},)),
        "PBM": (("1",), ({},)),
        "PGM": (("L",), ({},)),
        "PPM": (("RGB",), ({},)),
        "SGI": (("L", "RGB", "RGBA"), ({}, {"bpc": 2})),
        "PCX": (("1", "L", "P", "RGB"), ({},)),
        "TGA": (("1", "L", "LA", "P", "RGB", "RGBA"), ({}, {"orientation": 1}, {"orientation": -1})),
        "TGA RLE": (("L", "P", "RGB", "RGBA"), ({"compression": "tga_rle"},)),
        "QOI": (("RGB", "RGBA"), ({},)),
    }
    for name, (modes, all_options) in written.items():
        format_ = "PPM" if name in ("PBM", "PGM") else name[:3]
        for mode in modes:
            for options in all_options:
                picture, truth = pictures[mode]
                yield f"{name} {mode} {options}", (encode(picture, format_, **options), truth, False)
    yield from pnm_cells()
    masks: dict[str, tuple[int, ...]] = {
        "BGRX": (0xFF0000, 0xFF00, 0xFF),
        "RGBX": (0xFF, 0xFF00, 0xFF0000),
        "XRGB": (0xFF000000, 0xFF0000, 0xFF00),
        "XBGR": (0xFF00, 0xFF0000, 0xFF000000),
        "10 bits": (0x3FF00000, 0xFFC00, 0x3FF),
    }
    for name, mask in masks.items():
        for header in (40, 108, 124):
            yield f"BMP {name} {header}", (bmp_file(mask, 32, header), COLOUR, False)
    masks = {
        "565": (0xF800, 0x7E0, 0x1F),
        "555": (0x7C00, 0x3E0, 0x1F),
        "BGR 555": (0x1F, 0x3E0, 0x7C00),
        "444": (0xF00, 0xF0, 0xF),
    }
    for name, mask in masks.items():
        levels = [mask_ >> ((mask_ & -mask_).bit_length() - 1) for mask_ in mask]
        truth = (COLOUR.astype(int) * levels // 255 * 255 // levels).astype(np.uint8)
        for header in (40, 124):
            yield f"BMP {name} {header}", (bmp_file(mask, 16, header), truth, False)
    screenshot = bmp_file((0xFF0000, 0xFF00, 0xFF), 32, 124)
    yield "BMP without bit fields", (screenshot[:30] + b"\0" + screenshot[31:], COLOUR, False)
    core = struct.pack("<2sIHHIIHHHH", b"BM", 26 + COLOUR.size, 0, 0, 26, 12, WIDTH, HEIGHT, 1, 24)
    yield "BMP of OS/2 1", (core + COLOUR[::-1, :, ::-1].tobytes(), COLOUR, False)
    data = bmp_file((0x7C00, 0x3E0, 0x1F, 0x8000), 16, 124, with_alpha(COLOUR))
    yield "BMP 1555", (data, on_white(COLOUR, np.where(ALPHA == 255, 255, 0)), False)
    plain = encode(few, "BMP")
    for name, position, value in (
        ("8-bit runs", 30, 1),
        ("4-bit runs", 30, 2),
        ("JPEG inside", 30, 4),
        ("PNG inside", 30, 5),
        ("2 bits", 28, 2),
        ("header of 16 bytes", 14, 16),
        ("header of 64 bytes", 14, 64),
    ):
        yield f"BMP {name}", (plain[:position] + bytes([value, 0]) + plain[position + 2 :], few_truth, False)
    masks = {
        "BGRA": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        "RGBA": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        "ABGR": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        "10 bits and 2 of alpha": (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000),
    }
    for name, mask in masks.items():
        alpha = ALPHA if "2 of" not in name else np.where(ALPHA == 128, 85, ALPHA)
        truth = on_white(COLOUR, alpha)
        yield f"BMP {name}", (bmp_file(mask, 32, 108, with_alpha(COLOUR)), truth, False)
        without = np.concatenate([COLOUR, np.zeros_like(ALPHA)], axis=2)
        yield f"BMP {name} with an empty alpha", (bmp_file(mask, 32, 108, without), COLOUR, False)


ORDERS: tuple[Literal["<", ">"], ...] = ("<", ">")
TIFF = [
    *(
        tiff_layouts(order, way, planar=planar)
        for order in ORDERS
        for way in (NONE, DEFLATE)
        for planar in (False, True)
    ),
    *(tiff_sample_formats(order) for order in ORDERS),
    tiff_others(),
    tiff_ycbcr(),
]
CELLS = {f"TIFF {name}": cell for cells in TIFF for name, cell in cells}
CELLS |= {f"PNG {name}": cell for name, cell in png_cells()}
CELLS |= dict(
    [*lossy_cells(), *canvas_cells(), *orientation_cells(), *told_colour_cells(), *aperture_cells(), *other_cells()]
)


# What Pillow decodes wrongly, slowly or not at all. The names of TIFF files have bits, byte order (< or >) and
# compression (1 is none, 8 is Deflate).
REJECTED = re.compile(
    r"TIFF ("
    r"(grey|white is zero) 32 .*|white is zero 12 .*|grey 12 (planar )?> .*|grey 12 planar < 1"
    r"|white is zero 16 (planar )?> .*|(grey|white is zero) (1|2|4|16) planar . 1|white is zero 8 planar . 1"
    r"|colour (1|2|4|12|32) .*|(colour|CMYK) 16 planar .*"
    r"|photometric 1 alpha . 16 .*|photometric 1 alpha . 8 planar .*|photometric 2 alpha . 16 planar .*"
    r"|photometric 2 alpha [01] 8 planar . 1"
    r"|YCbCr subsampled 1"
    r"|u?(int|float)\d+ .*|compression \d+|BigTIFF of CIELAB)"
    r"|(PNG|AVIF) HDR .*|AVIF transfer 12"
    r"|PNG colour 16 with a transparent value"
    r"|BMP (RGBX|XBGR|10 bits|BGR 555|444|1555|. bits|.-bit runs|JPEG|PNG|header).*"
    r"|(SGI|PCX|TGA|QOI|PBM|PAM|PFM).*|(PGM|PPM) (as text|1 |100|1023|65535).*"
)


@pytest.mark.parametrize("name", CELLS)
def test_decode_returns_the_right_picture_or_rejects_the_kind(name: str) -> None:
    data, truth, libvips_agrees = CELLS[name]
    if REJECTED.fullmatch(name):
        with pytest.raises(UnsupportedImage, match=f"{name.split(maxsplit=1)[0]}.* not served"):
            read_image(data, WIDTH * HEIGHT)
        return
    pixels = np.asarray(read_image(data, 4 * WIDTH * HEIGHT).image)
    assert difference(pixels, truth) < MAX_DIFFERENCE
    if libvips_agrees:
        assert difference(pixels, by_libvips(data)) < MAX_DIFFERENCE
