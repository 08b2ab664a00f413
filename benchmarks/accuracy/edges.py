"""How good the edges are at the photo's own size: labels enlarged, against logits enlarged.

    IMAGE_SIZE=257 python benchmarks/edges.py FOLDER [--every N]

FOLDER holds photos and masks in PASCAL VOC's layout. Prints the mean IoU over the pixels at most 8 away from an edge in
the true mask, and over all pixels: of the label map enlarged by nearest neighbour, and of what the service gives for
size=original, the best class of the logits enlarged bilinearly.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from app import create_model  # noqa: E402
from config import Settings  # noqa: E402
from core.evaluation import VOID, Accuracy, read_voc  # noqa: E402
from core.image.decode import read_image  # noqa: E402
from core.output.segmentation import enlarged  # noqa: E402
from core.types import UInt8Array  # noqa: E402

BAND = 8


def near_edges(truth: UInt8Array) -> UInt8Array:
    """Return `truth`, uint8 [height, width], with VOID where no other class is within BAND pixels.

    VOC's masks have VOID pixels along the edges themselves, which belong to neither side and stay VOID.
    """
    window = ImageFilter.MinFilter(2 * BAND + 1), ImageFilter.MaxFilter(2 * BAND + 1)
    known = np.where(truth == VOID, 0, truth).astype(np.uint8)
    least, most = (np.asarray(Image.fromarray(known).filter(filter_)) for filter_ in window)
    return np.where(least != most, truth, VOID).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only each so many-th photo")
    arguments = parser.parse_args()

    settings = Settings.from_environment()
    model = create_model(settings)
    engine = model.loading.result()
    ways = ("labels enlarged", "logits enlarged")
    scores = {(way, where): Accuracy(len(model.labels)) for way in ways for where in ("edges", "all")}
    for photo_file, mask_file in read_voc(arguments.folder, arguments.every):
        with Image.open(mask_file) as mask:
            truth = np.asarray(mask)
        photo = read_image(photo_file.read_bytes(), max_pixels=10**9)
        prediction = engine.predict(model.resize(photo))
        nearest = Image.fromarray(prediction.seg_map).resize(photo.size, Image.Resampling.NEAREST)
        for way, labels in zip(ways, (np.asarray(nearest), enlarged(prediction, photo.size)), strict=True):
            scores[way, "edges"].add(near_edges(truth), labels)
            scores[way, "all"].add(truth, labels)
    print(f"IMAGE_SIZE={settings.image_size}, mean IoU      edges     all")
    for way in ways:
        print(f"{way:28}" + "".join(f"{100 * scores[way, where].mean_iou:8.2f}" for where in ("edges", "all")))


if __name__ == "__main__":
    main()
