"""Times decoding and encoding: a JPEG of 12 megapixels to pixels, and a label map of 1024 x 1024 to JSON.

The photos are the samples, resized with LANCZOS to 4000 x 3000. Noise of three octaves is added, because a resized
photo is too smooth and compresses too well. Each photo is decoded, turned upright and resized by the service's code and
by plain Pillow (open, exif_transpose, convert and resize with LANCZOS), in turn, and both results are segmented. Prints
the medians, and the percentage of pixels with equal labels.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.measure import interleaved
from benchmarks.options import argument_parser
from config import Settings
from core.graph.load import read_graph
from core.image.decode import read_image
from core.image.resize import resized
from core.labels import LABELS
from core.output.encode import encode_map
from core.output.segmentation import Segmentation
from core.runtime.engine import Engine
from core.types import EngineOptions, UInt8Array
from core.weights.registry import MOBILE
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA

PHOTO_SIZE, LONG_SIDE = (4000, 3000), 513
ORIENTATION = 274  # EXIF 2.32; 6 is a photo that must be turned right


def phone_photo(sample: Path, orientation: int) -> bytes:
    """Return a JPEG of 12 megapixels made from a sample photo, with an EXIF orientation."""
    random = np.random.default_rng(12)
    with Image.open(sample) as photo:
        pixels = np.asarray(ImageOps.fit(photo, PHOTO_SIZE, Image.Resampling.LANCZOS)).astype(np.float32)
    width, height = PHOTO_SIZE
    for octave in (1, 2, 4):
        noise = random.normal(0, 5, (height // octave, width // octave)).astype(np.float32)
        pixels += np.kron(noise, np.ones((octave, octave), np.float32))[..., np.newaxis]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encode(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), "JPEG", quality=92, exif=exif)


def decode_plainly(data: bytes) -> UInt8Array:
    """Return the resized photo, uint8 [height, width, 3], by Pillow alone."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    width, height = (side * LONG_SIDE // max(image.size) for side in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def decode(data: bytes) -> UInt8Array:
    """Return the resized photo, uint8 [height, width, 3], by the service's code."""
    return np.asarray(resized(read_image(data, max_pixels=50_000_000, min_long_side=LONG_SIDE), LONG_SIDE))


def main() -> None:
    parser = argument_parser("benchmarks.http.codec", __doc__)
    parser.add_argument("--runs", type=int, default=10, help="number of timed calls; default: 10")
    runs = parser.parse_args().runs
    engine = Engine(read_graph(MOBILE), EngineOptions(Settings().threads))
    for sample, orientation in ((ASTRONAUT, 1), (CHELSEA, 6)):
        data = phone_photo(sample, orientation)
        ours, plain = interleaved(runs, lambda data=data: decode(data), lambda data=data: decode_plainly(data))  # type: ignore[misc]
        agreement = np.mean(engine.run(decode(data)) == engine.run(decode_plainly(data)))
        print(
            f"{sample.stem}, {len(data) / 1e6:.1f} MB, orientation {orientation}: {ours:.0f} ms, "
            f"plain Pillow {plain:.0f} ms, ratio {ours / plain:.2f}; {agreement:.2%} of the labels are equal"
        )
    photo = resized(read_image(ASTRONAUT.read_bytes(), max_pixels=10**6), 1024)
    segmentation = Segmentation(engine.run(np.asarray(photo)), np.asarray(photo), LABELS)
    [encoding] = interleaved(runs, lambda: encode_map(segmentation))
    width, height = photo.size
    print(f"a label map of {width} x {height} pixels to JSON: {encoding:.1f} ms")


if __name__ == "__main__":
    main()
