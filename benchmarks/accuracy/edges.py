"""Measures the accuracy of edges at the size of the photo: edges=model against edges=photo.

Segments the photos of a folder in the layout of PASCAL VOC. Prints the mean IoU in percent, over all pixels and over
the pixels at most 2, 4, 8 and 16 pixels from the void pixels that VOC's masks have around objects (the trimap of Chen
et al., DeepLab, 2018, section 4.4), the milliseconds of CPU time per photo, and the number of connected regions, with
that of those below 100 pixels. With --noise, the photos get Gaussian noise of that standard deviation before. The
settings are the service's, from the environment: IMAGE_SIZE=257, for example.
"""

from dataclasses import replace
from time import process_time
from typing import get_args

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.options import voc_argument_parser
from config import Settings
from core.evaluation import VOID, Accuracy, read_voc
from core.image.decode import Photo, read_image
from core.image.resize import resized
from core.output.regions import regions
from core.output.segmentation import enlarged
from core.types import Edges, UInt8Array
from segmenter import create_model

WIDTHS = (2, 4, 8, 16)
HALVES = ("all", "first", "second")
SMALL = 100  # pixels


def trimap(truth: UInt8Array, width: int) -> UInt8Array:
    """Return `truth`, uint8 [height, width], with VOID where no void pixel is within `width` pixels."""
    void = Image.fromarray((truth == VOID) * np.uint8(255))
    near = np.asarray(void.filter(ImageFilter.MaxFilter(2 * width + 1)))
    return np.where(near, truth, VOID).astype(np.uint8)


def noisy(photo: Photo, sigma: float, random: np.random.Generator) -> Photo:
    """Return `photo` with noise of the standard deviation `sigma`, of 255."""
    values = np.asarray(photo.image) + random.normal(0, sigma, (*photo.image.size[::-1], 3))
    return replace(photo, image=Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)))


def main() -> None:
    parser = voc_argument_parser("benchmarks.accuracy.edges", __doc__)
    parser.add_argument("--half", choices=HALVES, default="all", help="of the photos in val.txt; default: all")
    parser.add_argument("--noise", type=float, default=0, metavar="SIGMA", help="of 255; default: 0")
    arguments = parser.parse_args()

    settings = Settings.from_environment()
    model = create_model(settings)
    engine = model.loading.result()
    examples = read_voc(arguments.voc)
    half = len(examples) // 2
    parts = {"all": examples, "first": examples[:half], "second": examples[half:]}
    examples = parts[arguments.half][:: arguments.every]
    kinds: tuple[Edges, ...] = get_args(Edges)
    scores = {(edges, width): Accuracy(len(model.labels)) for edges in kinds for width in (None, *WIDTHS)}
    seconds = dict.fromkeys(kinds, 0.0)
    count, small = dict.fromkeys(kinds, 0), dict.fromkeys(kinds, 0)
    random = np.random.default_rng(0)
    for photo_file, mask_file in examples:
        with Image.open(mask_file) as mask:
            truth = np.asarray(mask)
        decoded = noisy(read_image(photo_file.read_bytes(), max_pixels=10**9), arguments.noise, random)
        photo, image = np.asarray(decoded.image), np.asarray(resized(decoded, settings.image_size))
        prediction = engine.predict(image)
        for edges in kinds:
            began = process_time()
            seg_map = enlarged(prediction, image, photo, edges)
            seconds[edges] += process_time() - began
            pixels = regions(seg_map).pixels
            count[edges] += len(pixels)
            small[edges] += int(np.count_nonzero(pixels < SMALL))
            for width in (None, *WIDTHS):
                scores[edges, width].add(trimap(truth, width) if width else truth, seg_map)
    head = f"IMAGE_SIZE={settings.image_size}, {len(examples)} photos"
    print(f"{head:28}    all  " + "".join(f"{width:6} px" for width in WIDTHS) + "     CPU  regions, small")
    for edges in kinds:
        row = "".join(f"{100 * scores[edges, width].mean_iou:8.2f} " for width in (None, *WIDTHS))
        milliseconds = 1000 * seconds[edges] / len(examples)
        print(f"{f'edges={edges}':27}{row} {milliseconds:5.1f} ms {count[edges]:8}, {small[edges]}")


if __name__ == "__main__":
    main()
