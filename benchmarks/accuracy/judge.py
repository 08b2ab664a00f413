"""Scores of label maps, photo by photo, and their bootstrap intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageFilter

from core.evaluation import VOID
from core.types import Array, UInt8Array

SAMPLES = 1000  # of the bootstrap
BAND = 4  # pixels on either side of an edge


def confusion(truth: UInt8Array, seg_map: UInt8Array, classes: int) -> Array:
    """Return the pixels by true and predicted class, int64 [classes, classes]. VOID pixels of `truth` do not count."""
    scored = truth != VOID
    pairs = truth[scored].astype(np.int64) * classes + seg_map[scored]
    result: Array = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return result


def near_edges(truth: UInt8Array) -> UInt8Array:
    """Return `truth`, uint8 [height, width], with VOID where all pixels within BAND have the same value."""
    image, size = Image.fromarray(truth), 2 * BAND + 1
    lowest, highest = (np.asarray(image.filter(kind(size))) for kind in (ImageFilter.MinFilter, ImageFilter.MaxFilter))
    return np.where(lowest == highest, np.uint8(VOID), truth)


def mean_iou(total: Array) -> float:
    """Return the mean intersection over union, in percent, of the classes that the truth of `total` has.

    `total` is a sum of confusion(). A class that is found, but in no photo, costs what it covers, and is no class with
    an IoU of 0, by which a single pixel would cost points.
    """
    right, true = np.diag(total), total.sum(axis=1)
    union = total.sum(axis=0) + true - right
    return float(100 * np.mean(right[true > 0] / union[true > 0]))


def accuracy(total: Array) -> float:
    """Return the share of the pixels in `total`, a sum of confusion(), whose class is the true one, in percent."""
    return float(100 * np.trace(total) / max(1, total.sum()))


def interval(score: Callable[..., float], *photos: Sequence[Array]) -> tuple[float, float]:
    """Return the 95 % interval of a bootstrap by photo of `score`, which takes the sum of each of `photos`.

    Each of `photos` has a confusion matrix for each photo, in one order, so that methods are compared on the same ones.
    """
    random, stacks = np.random.default_rng(0), [np.stack(matrices) for matrices in photos]
    count = len(stacks[0])
    counts = (np.bincount(random.integers(0, count, count), minlength=count) for _ in range(SAMPLES))
    scores = [score(*(np.tensordot(times, stack, 1) for stack in stacks)) for times in counts]
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def gain(score: Callable[[Array], float]) -> Callable[[Array, Array], float]:
    """Return the function that tells by how much `score` is larger for a second sum than for the first."""
    return lambda before, after: score(after) - score(before)
