"""Measures how well the probabilities of output=confidence and of `score` are calibrated.

Segments the photos of a folder in the layout of PASCAL VOC at IMAGE_SIZE, and prints the expected calibration error in
percent (Guo et al., On Calibration of Modern Neural Networks, 2017, with 15 bins): the mean difference between the
largest probability of a pixel and the share of pixels with that probability whose class is right. It also prints, for
objects by their score, the share whose class is in the photo. The settings are the service's, from the environment.
"""

import numpy as np
from PIL import Image

from benchmarks.accuracy.edges import trimap
from benchmarks.options import voc_argument_parser
from config import Settings
from core.evaluation import VOID, read_voc
from core.image.decode import read_image
from core.image.resize import resized
from core.output.confidence import confidence, scores
from core.types import Array
from segmenter import create_model

BINS = 15
SCORES = ((0.0, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.0))
BAND = 8  # pixels from the void pixels


def calibration_error(counts: Array) -> float:
    """Return the expected calibration error of `counts`, [bins, 3]: pixels, right ones, and sum of probabilities."""
    return float(np.abs(counts[:, 1] - counts[:, 2]).sum() / counts[:, 0].sum())


def main() -> None:
    arguments = voc_argument_parser("benchmarks.accuracy.calibration", __doc__).parse_args()

    settings = Settings.from_environment()
    engine = create_model(settings).loading.result()
    counts = {area: np.zeros((BINS, 3)) for area in ("all pixels", "near edges")}
    found: list[tuple[float, bool]] = []
    for photo_file, mask_file in read_voc(arguments.voc, arguments.every):
        image = np.asarray(resized(read_image(photo_file.read_bytes(), max_pixels=10**9), settings.image_size))
        height, width = image.shape[:2]
        with Image.open(mask_file) as mask:
            truth = np.asarray(mask.resize((width, height), Image.Resampling.NEAREST))
        prediction = engine.predict(image)
        if prediction.logits is None:
            raise SystemExit("error: the graph hides its logits")
        probability = confidence(prediction, (width, height)) / 255
        for area, scored in (("all pixels", truth), ("near edges", trimap(truth, BAND))):
            known = scored != VOID
            bins = np.minimum((probability[known] * BINS).astype(int), BINS - 1)
            right = prediction.seg_map[known] == scored[known]
            for column, weights in enumerate((None, right, probability[known])):
                counts[area][:, column] += np.bincount(bins, weights, BINS)
        present = set(np.unique(truth))
        found += [(score, class_ in present) for class_, score in scores(prediction.logits).items() if class_]
    print(f"IMAGE_SIZE={settings.image_size}")
    for area, values in counts.items():
        print(f"expected calibration error, {area}: {100 * calibration_error(values):.2f} %")
    for low, high in SCORES:
        rights = [right for score, right in found if low <= score < high or score == high == 1]
        if rights:
            print(f"score {low:g} to {high:g}: {np.mean(rights):.0%} of {len(rights)} objects are in the photo")


if __name__ == "__main__":
    main()
