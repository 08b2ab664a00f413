"""Measures the accuracy of edges at the size of the photo: upsampled labels against upsampled logits.

Segments the photos of a folder in the layout of PASCAL VOC. Prints the mean IoU over the pixels at most 8 pixels from
an edge in the true mask, and over all pixels, in percent: of the label map upsampled by nearest neighbour, and of the
service's answer to size=original, the best class of the bilinearly upsampled logits. The settings are the service's,
from the environment: IMAGE_SIZE=257, for example.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.options import argument_parser
from config import Settings
from core.evaluation import VOID, Accuracy, read_voc
from core.image.decode import read_image
from core.image.resize import resized
from core.output.segmentation import enlarged
from core.types import UInt8Array
from segmenter import create_model

BAND = 8
METHODS = LABELS, LOGITS = "labels upsampled", "logits upsampled"


def near_edges(truth: UInt8Array) -> UInt8Array:
    """Return `truth`, uint8 [height, width], with VOID where no pixel of another class is within BAND pixels.

    VOC's masks have VOID pixels along the edges themselves, which belong to neither side and stay VOID.
    """
    known = np.where(truth == VOID, 0, truth).astype(np.uint8)
    windows = ImageFilter.MinFilter(2 * BAND + 1), ImageFilter.MaxFilter(2 * BAND + 1)
    smallest, largest = (np.asarray(Image.fromarray(known).filter(window)) for window in windows)
    return np.where(smallest != largest, truth, VOID).astype(np.uint8)


def main() -> None:
    parser = argument_parser("benchmarks.accuracy.edges", __doc__)
    parser.add_argument("voc", type=Path, help="a folder with JPEGImages, SegmentationClass and val.txt")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th photo; default: 1")
    arguments = parser.parse_args()

    settings = Settings.from_environment()
    model = create_model(settings)
    engine = model.loading.result()
    scores = {(method, area): Accuracy(len(model.labels)) for method in METHODS for area in ("edges", "all")}
    for photo_file, mask_file in read_voc(arguments.voc, arguments.every):
        with Image.open(mask_file) as mask:
            truth = np.asarray(mask)
        photo = read_image(photo_file.read_bytes(), max_pixels=10**9)
        prediction = engine.predict(np.asarray(resized(photo, settings.image_size)))
        nearest = Image.fromarray(prediction.seg_map).resize(photo.size, Image.Resampling.NEAREST)
        seg_maps = {LABELS: np.asarray(nearest), LOGITS: enlarged(prediction, photo.size)}
        for method, seg_map in seg_maps.items():
            scores[method, "edges"].add(near_edges(truth), seg_map)
            scores[method, "all"].add(truth, seg_map)
    print(f"{f'IMAGE_SIZE={settings.image_size}, mean IoU':28}   edges     all")
    for method in METHODS:
        print(f"{method:28}" + "".join(f"{100 * scores[method, area].mean_iou:8.2f}" for area in ("edges", "all")))


if __name__ == "__main__":
    main()
