"""Decode and encode: a phone's JPEG to pixels, and the largest map to JSON.

    python benchmarks/codec.py [--runs 10]

The photos are of 12 megapixels: the samples, enlarged with LANCZOS to 4000 x 3000 and given detail again, noise of
three octaves, since what is only enlarged is smooth and compresses too well. Each is read upright and resized the
service's way and the plain way (Pillow's open, exif_transpose, convert and LANCZOS), in turn, and both are segmented.
Prints the medians, and on how many pixels the labels agree.
"""

import argparse
import io
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core.output.encode import map_body  # noqa: E402
from benchmarks.http.overhead import milliseconds  # noqa: E402
from config import Settings  # noqa: E402
from core.runtime.engine import Engine  # noqa: E402
from core.graph.load import read_graph  # noqa: E402
from core.image.decode import read_image  # noqa: E402
from core.labels import LABELS  # noqa: E402
from core.output.segmentation import Segmentation, resized  # noqa: E402
from core.types import EngineOptions, UInt8Array  # noqa: E402
from core.weights.registry import MOBILE  # noqa: E402

SIZE, LONG_SIDE = (4000, 3000), 513
T = TypeVar("T")


def phone_photo(sample: str, orientation: int) -> bytes:
    """Return a JPEG of 12 megapixels made from a sample photo, with an EXIF orientation."""
    random = np.random.default_rng(12)
    with Image.open(ROOT / "assets" / f"{sample}.jpg") as photo:
        pixels = np.asarray(ImageOps.fit(photo, SIZE, Image.Resampling.LANCZOS)).astype(np.float32)
    for octave in (1, 2, 4):
        noise = random.normal(0, 5, (SIZE[1] // octave, SIZE[0] // octave)).astype(np.float32)
        pixels += np.kron(noise, np.ones((octave, octave), np.float32))[..., np.newaxis]
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


def plain(data: bytes) -> UInt8Array:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    size = [side * LONG_SIDE // max(image.size) for side in image.size]
    return np.asarray(image.resize((size[0], size[1]), Image.Resampling.LANCZOS))


def ours(data: bytes) -> UInt8Array:
    return resized(read_image(data, max_pixels=50_000_000, enough=LONG_SIDE), LONG_SIDE)


def interleaved(runs: int, *calls: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each of `calls`, made in turn."""
    times = [[milliseconds(call) for call in calls] for _ in range(runs + 1)][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    engine = Engine(read_graph(MOBILE), EngineOptions(Settings().threads))
    for sample, orientation in (("astronaut", 1), ("chelsea", 6)):
        data = phone_photo(sample, orientation)
        fast, slow = interleaved(runs, lambda data=data: ours(data), lambda data=data: plain(data))  # type: ignore[misc]
        agreement = np.mean(engine.run(ours(data)) == engine.run(plain(data)))
        print(
            f"{sample}, {len(data) / 1e6:.1f} MB, orientation {orientation}: {fast:.0f} ms, "
            f"plain Pillow {slow:.0f} ms, ratio {fast / slow:.2f}; {agreement:.2%} of labels agree"
        )
    square = read_image((ROOT / "assets" / "astronaut.jpg").read_bytes(), max_pixels=10**6)
    pixels = resized(square, 1024)
    largest = Segmentation(engine.run(pixels), lambda: Image.fromarray(pixels), LABELS)
    [encoding] = interleaved(runs, lambda: map_body(largest))
    print(f"a map of {largest.image_size} leaves as JSON in {encoding:.1f} ms")


if __name__ == "__main__":
    main()
