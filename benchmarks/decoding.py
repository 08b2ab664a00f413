"""Measures the CPU seconds per megapixel that each kind of photo takes to be decoded.

The photos have 12 megapixels of noise over a gradient, which compresses badly. Exit status 1 if one takes more than a
third of the default time limit of a decoder process.
"""

import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.options import argument_parser
from core.image.decode import read_image

WIDTH, HEIGHT = 4000, 3000
MAX_SECONDS = 5.0
TIFF_WAYS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "lzma", "zstd")


def photos() -> Iterator[tuple[str, bytes]]:
    """Yield name and file of each kind, one at a time."""
    noise = np.random.default_rng(1).integers(0, 64, (HEIGHT, WIDTH, 3), np.uint8)
    colour = Image.fromarray(noise + (np.arange(WIDTH) * 190 // WIDTH).astype(np.uint8)[:, np.newaxis])
    alpha = colour.convert("RGBA")
    alpha.putalpha(128)
    fax = colour.convert("1")
    kinds: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "JPEG": (colour, "JPEG", {}),
        "JPEG progressive": (colour, "JPEG", {"progressive": True, "quality": 95}),
        "JPEG CMYK": (colour.convert("CMYK"), "JPEG", {}),
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
        **{f"TIFF {way}": (fax, "TIFF", {"compression": way}) for way in ("group3", "group4", "tiff_ccitt")},
    }
    for name, (image, format_, options) in kinds.items():
        file = io.BytesIO()
        image.copy().save(file, format_, **options)
        yield name, file.getvalue()


def main() -> None:
    """Print a table of the kinds; see the module's docstring."""
    argument_parser("benchmarks.decoding", __doc__).parse_args()
    megapixels = WIDTH * HEIGHT / 1e6
    too_slow = []
    print("| kind | MB | CPU seconds | CPU seconds per megapixel |\n| --- | --- | --- | --- |")
    for name, data in photos():
        start = time.process_time()
        read_image(data, WIDTH * HEIGHT)
        seconds = time.process_time() - start
        print(f"| {name} | {len(data) / 1e6:.1f} | {seconds:.2f} | {seconds / megapixels:.3f} |", flush=True)
        if seconds > MAX_SECONDS:
            too_slow.append(name)
    if too_slow:
        raise SystemExit(f"slower than {MAX_SECONDS} s: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
