"""How sure the model is: the probabilities of its classes, from the logits, before any refinement."""

import numpy as np
from PIL import Image

from core.output.resample import enlarged
from core.output.upsample import interpolated
from core.types import Array, Prediction, UInt8Array

SCORE_DECIMALS = 4


def probabilities(logits: Array) -> Array:
    """Return the softmax of `logits`, float32 [rows, columns, classes]."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return result


def scores(logits: Array) -> dict[int, float]:
    """Return the score of each class that is the best one at some of the `logits`, [rows, columns, classes].

    It is the mean probability of the class, 0 to 1, where it is the best one. It is rounded to four decimals, so that
    CPUs that round sums differently give the same score.
    """
    likely = probabilities(logits)
    best = likely.argmax(axis=-1)
    return {
        int(class_): round(float(likely[best == class_, class_].mean()), SCORE_DECIMALS) for class_ in np.unique(best)
    }


def confidence(prediction: Prediction, size: tuple[int, int]) -> UInt8Array:
    """Return 255 times the largest probability at each pixel, uint8 [height, width], at `size`, width and height.

    The probabilities are interpolated between the logits. Raises InvalidRequest if `prediction` has none.
    """
    logits = prediction.needed_logits
    height, width = (2 * count for count in logits.shape[:2])
    likely = interpolated(probabilities(logits), prediction.stride, prediction.seg_map.shape, (height, width))
    largest = Image.fromarray(likely.max(axis=-1))
    grey = np.empty((size[1], size[0]), np.uint8)
    for tile, part in enlarged(largest, size):
        grey[tile] = np.rint(255 * np.asarray(part)).clip(0, 255)
    return grey
