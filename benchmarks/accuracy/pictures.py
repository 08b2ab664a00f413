"""Draws photos beside their segmentations with edges=model and edges=photo, with the background darkened.

The settings are the service's, from the environment.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.options import argument_parser
from config import Settings
from core.image.decode import read_image
from core.image.resize import resized
from core.output.segmentation import enlarged
from core.types import Edges, UInt8Array
from segmenter import create_model

WIDTH = 300  # of each photo in the picture, in pixels
DARKENED = 0.3
EDGES: tuple[Edges, ...] = ("model", "photo")


def main() -> None:
    parser = argument_parser("benchmarks.accuracy.pictures", __doc__)
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO")
    parser.add_argument("-o", dest="file", type=Path, required=True, help="the picture to write")
    arguments = parser.parse_args()

    settings = Settings.from_environment()
    engine = create_model(settings).loading.result()
    rows = []
    for file in arguments.photos:
        decoded = read_image(file.read_bytes(), max_pixels=10**9)
        photo, image = np.asarray(decoded.image), np.asarray(resized(decoded, settings.image_size))
        prediction = engine.predict(image)
        labels = [enlarged(prediction, image, photo, edges) for edges in EDGES]
        row = Image.fromarray(np.hstack([photo, *(darkened(photo, seg_map) for seg_map in labels)]))
        size = WIDTH * (1 + len(EDGES)), round(WIDTH * photo.shape[0] / photo.shape[1])
        rows.append(row.resize(size, Image.Resampling.LANCZOS))
    picture = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    top = 0
    for row in rows:
        picture.paste(row, (0, top))
        top += row.height
    picture.save(arguments.file, quality=85)


def darkened(photo: UInt8Array, seg_map: UInt8Array) -> UInt8Array:
    """Return `photo`, uint8 [height, width, 3], darkened where `seg_map`, uint8 [height, width], has background."""
    brightness = np.where(seg_map == 0, DARKENED, 1.0)
    return (photo * brightness[..., np.newaxis]).astype(np.uint8)


if __name__ == "__main__":
    main()
