"""Measures what look=twice gains on photos with small objects.

Of a folder in the layout of PASCAL VOC, the photos count that have an object of a class below a tenth of the photo.
They must be larger than IMAGE_SIZE: 257 for VOC's 500 pixels. Prints the mean intersection over union of the classes in
the masks, at the size of the photo and with edges=photo, with the 95 % interval of a bootstrap by photo, and the
pixels that the model sees. The settings are the service's, from the environment.
"""

import numpy as np
from PIL import Image

from benchmarks.accuracy.judge import confusion, gain, interval, mean_iou
from benchmarks.options import voc_argument_parser
from config import Settings
from core.evaluation import VOID, read_voc
from core.image.decode import read_image
from core.image.resize import resized
from core.output.look import SMALL, look_again
from core.output.segmentation import enlarged
from core.types import Array, Prediction, UInt8Array
from segmenter import create_model


def has_small_object(truth: UInt8Array) -> bool:
    """Return whether a class in `truth`, uint8 [height, width], covers less than SMALL of it."""
    return any(np.mean(truth == class_) < SMALL for class_ in np.unique(truth) if class_ not in (0, VOID))


def main() -> None:
    arguments = voc_argument_parser("benchmarks.accuracy.look", __doc__).parse_args()

    model = create_model(Settings.from_environment())
    engine, classes = model.loading.result(), len(model.labels)
    once: list[Array] = []
    twice: list[Array] = []
    pixels = [0, 0]

    def predict(image: UInt8Array) -> Prediction:
        pixels[1] += image.shape[0] * image.shape[1]
        return engine.predict(image)

    for photo_file, mask_file in read_voc(arguments.voc, arguments.every):
        with Image.open(mask_file) as mask:
            truth = np.asarray(mask)
        if not has_small_object(truth):
            continue
        decoded = read_image(photo_file.read_bytes(), max_pixels=10**9)
        photo, image = np.asarray(decoded.image), np.asarray(resized(decoded, model.image_size, reduce_first=True))
        pixels[0] += image.shape[0] * image.shape[1]
        first = predict(image)
        second, seen = look_again(first, image, photo, predict)
        once.append(confusion(truth, enlarged(first, image, photo, "photo"), classes))
        twice.append(confusion(truth, enlarged(second, seen, photo, "photo"), classes))
    before, after = np.sum(once, axis=0), np.sum(twice, axis=0)
    low, high = interval(gain(mean_iou), once, twice)
    print(f"IMAGE_SIZE={model.image_size}, {len(once)} photos with small objects")
    print(f"look=once {mean_iou(before):.2f}, look=twice {mean_iou(after):.2f}")
    print(
        f"gain {gain(mean_iou)(before, after):+.2f} [{low:+.2f}, {high:+.2f}], {pixels[1] / pixels[0]:.2f} x the pixels"
    )


if __name__ == "__main__":
    main()
