"""Measures the CPU seconds per megapixel that each kind of photo takes to be decoded.

The photos have 12 megapixels of noise over a gradient, which compresses badly. Exit status 1 if one takes more than a
third of the CPU time that a decoder process may take for it: what can't be decoded in that is not served.
"""

import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.options import argument_parser
from core.decoders.exchange import CPU_SECONDS, CPU_SECONDS_PER_MEGAPIXEL
from core.image.decode import read_image
from tests.support.avif import clean_aperture, with_colours, with_property
from tests.support.icc import DISPLAY_P3, matrix_profile
from tests.support.images import encode
from tests.support.tiff import DEFLATE, YCBCR, subsampled, tiff_file

WIDTH, HEIGHT = 4000, 3000
MEGAPIXELS = WIDTH * HEIGHT / 1e6
MAX_SECONDS = (CPU_SECONDS + CPU_SECONDS_PER_MEGAPIXEL * MEGAPIXELS) / 3
TIFF_WAYS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "lzma", "zstd")
FAX_WAYS = ("group3", "group4", "tiff_ccitt")
PNG_HEADER = 33  # bytes before the first chunk that may be inserted
ADOBE_RGB = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)  # white, red, green and blue, times 100,000


def photos() -> Iterator[tuple[str, bytes]]:
    """Yield name and file of each kind, one at a time."""
    noise = np.random.default_rng(1).integers(0, 64, (HEIGHT, WIDTH, 3), np.uint8)
    colour = Image.fromarray(noise + (np.arange(WIDTH) * 190 // WIDTH).astype(np.uint8)[:, np.newaxis])
    alpha = colour.convert("RGBA")
    alpha.putalpha(128)
    fax, inks, video = colour.convert("1"), colour.convert("CMYK"), colour.convert("YCbCr")
    profile = matrix_profile(DISPLAY_P3, 2.2)
    kinds: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "JPEG": (colour, "JPEG", {}),
        "JPEG progressive": (colour, "JPEG", {"progressive": True, "quality": 95}),
        "JPEG CMYK": (inks, "JPEG", {}),
        "JPEG with a profile": (colour, "JPEG", {"icc_profile": profile}),
        "PNG": (colour, "PNG", {"compress_level": 1}),
        "PNG with alpha": (alpha, "PNG", {"compress_level": 1}),
        "WEBP": (colour, "WEBP", {"method": 0}),
        "WEBP lossless": (colour, "WEBP", {"lossless": True, "method": 0, "quality": 0}),
        "GIF": (colour.quantize(256), "GIF", {}),
        "BMP": (colour, "BMP", {}),
        "PPM": (colour, "PPM", {}),
        "AVIF": (colour, "AVIF", {"speed": 10}),
        "AVIF 4:4:4": (colour, "AVIF", {"speed": 10, "subsampling": "4:4:4", "quality": 95}),
        **{f"TIFF {way}": (colour, "TIFF", {"compression": way}) for way in TIFF_WAYS},
        **{f"TIFF {way}": (fax, "TIFF", {"compression": way}) for way in FAX_WAYS},
        "TIFF CMYK": (inks, "TIFF", {"compression": "tiff_adobe_deflate"}),
        "TIFF YCbCr": (video, "TIFF", {}),
    }
    for name, (image, format_, options) in kinds.items():
        data = encode(image, format_, **options)
        yield name, data
        for told, tell in TOLD.get(name, {}).items():
            yield f"{name}, {told}", tell(data)
    pixels = np.asarray(video)
    packed = subsampled(pixels, 2, 2)
    yield "TIFF YCbCr 4:2:0", tiff_file(pixels, YCBCR, strip=packed, compression=DEFLATE, tags={530: (2, 2)})


def with_chunks(file: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return the PNG `file` with `chunks`, name and content, before its pixels."""
    inserted = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return file[:PNG_HEADER] + inserted + file[PNG_HEADER:]


# What is told beside the pixels of a kind, and how a file of it gets that.
TOLD: dict[str, dict[str, Callable[[bytes], bytes]]] = {
    "PNG": {
        "colours by cICP": lambda file: with_chunks(file, (b"cICP", b"\x0c\x0d\0\1")),
        "colours by gAMA and cHRM": lambda file: with_chunks(
            file, (b"gAMA", struct.pack(">I", 45_455)), (b"cHRM", struct.pack(">8I", *ADOBE_RGB))
        ),
    },
    "AVIF": {
        "colours by nclx": lambda file: with_colours(file, 12, 13),
        "clean aperture": lambda file: with_property(file, clean_aperture(WIDTH - 2, 1, HEIGHT - 2, 1, 0, 1, 0, 1)),
    },
}


def main() -> None:
    """Print a table of the kinds; see the module's docstring."""
    argument_parser("benchmarks.decoding", __doc__).parse_args()
    too_slow = []
    print("| kind | MB | CPU seconds | CPU seconds per megapixel |\n| --- | --- | --- | --- |")
    for name, data in photos():
        start = time.process_time()
        read_image(data, WIDTH * HEIGHT)
        seconds = time.process_time() - start
        print(f"| {name} | {len(data) / 1e6:.1f} | {seconds:.2f} | {seconds / MEGAPIXELS:.3f} |", flush=True)
        if seconds > MAX_SECONDS:
            too_slow.append(name)
    print(f"\nat most {MAX_SECONDS:.2f} CPU seconds, {MAX_SECONDS / MEGAPIXELS:.3f} per megapixel, are allowed")
    if too_slow:
        raise SystemExit(f"too slow: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
