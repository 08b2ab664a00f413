"""Times decoding and encoding: a JPEG of 12 megapixels to pixels, and a label map of 1024 x 1024 to JSON.

The photos are the samples, resized with LANCZOS to 4000 x 3000. Noise of three octaves is added, because a resized
photo is too smooth and compresses too well. Each photo is decoded, turned upright and resized by the service's code, in
this process and in a decoder process, and by plain Pillow (open, exif_transpose, convert and resize with LANCZOS), in
turn, and the results are segmented. Prints the medians, and the percentage of pixels with equal labels. A sample photo
of its own size, and the 12 megapixels kept at full size, show what the decoder process adds.
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.measure import interleaved
from benchmarks.options import argument_parser
from config import Settings
from core.decoders.decoder_pool import DecoderPool
from core.graph.frozen_graph import read_graph
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
    return np.asarray(resized(read_image(data, max_pixels=50_000_000, image_size=LONG_SIDE), LONG_SIDE))


def decode_in_process(pool: DecoderPool, data: bytes, *, keep_photo: bool = False) -> UInt8Array:
    """Return the resized photo, decoded in a decoder process."""
    with pool.read(data, keep_photo=keep_photo) as picture:
        return picture.image.copy()


def decode_whole(data: bytes) -> UInt8Array:
    """Return the resized photo, by the service's code, which also decodes the photo at its own size."""
    return np.asarray(resized(read_image(data, max_pixels=50_000_000), LONG_SIDE, reduce_first=True))


def main() -> None:
    parser = argument_parser("benchmarks.http.codec", __doc__)
    parser.add_argument("--runs", type=int, default=10, help="number of timed calls; default: 10")
    runs = parser.parse_args().runs
    engine = Engine(read_graph(MOBILE), EngineOptions(Settings().threads))
    pool = DecoderPool(LONG_SIDE, 50_000_000, timeout=60)
    for sample, orientation in ((ASTRONAUT, 1), (CHELSEA, 6)):
        data = phone_photo(sample, orientation)
        calls: list[Callable[[bytes], UInt8Array]] = [decode, partial(decode_in_process, pool), decode_plainly]
        ours, process, plain = interleaved(runs, *(partial(call, data) for call in calls))
        agreement = np.mean(engine.run(decode(data)) == engine.run(decode_plainly(data)))
        print(
            f"{sample.stem}, {len(data) / 1e6:.1f} MB, orientation {orientation}: {process:.0f} ms, here {ours:.0f} "
            f"ms, plain Pillow {plain:.0f} ms, ratio {process / plain:.2f}; {agreement:.2%} of the labels are equal"
        )
    for name, data in (("sample photo", CHELSEA.read_bytes()), ("12 megapixels", phone_photo(CHELSEA, 1))):
        here, process = interleaved(
            3 * runs, partial(decode_whole, data), partial(decode_in_process, pool, data, keep_photo=True)
        )
        print(f"{name} at its own size: {process:.1f} ms in a decoder process, {here:.1f} ms here")
    photo = resized(read_image(ASTRONAUT.read_bytes(), max_pixels=10**6), 1024)
    prediction = engine.predict(np.asarray(photo))
    segmentation = Segmentation(prediction.seg_map, np.asarray(photo), LABELS, prediction)
    [encoding] = interleaved(runs, lambda: encode_map(segmentation))
    width, height = photo.size
    print(f"a label map of {width} x {height} pixels to JSON: {encoding:.1f} ms")


if __name__ == "__main__":
    main()
