"""Label maps that follow the edges of the photo: class probabilities weighted by colours, and a guided filter.

The network's logits have a stride of 8 or 16 pixels, so its edges are smooth curves. Here each class gets a colour
histogram of this photo, and the guided filter makes the probabilities follow the edges of the photo.
"""

import numpy as np
from PIL import Image

from core.checkpoint import checkpoint
from core.output.confidence import probabilities
from core.output.guided_filter import LinearModels, Strip, linear_models, neighbours, strips
from core.output.resample import reduced
from core.output.specks import without_specks
from core.output.tiles import blocks
from core.output.upsample import interpolated, upsampled_labels
from core.types import Array, Prediction, UInt8Array

# The long side of the guide, a reduced photo on which colours and filters are computed, in pixels, and its pixels per
# logit along a side.
GUIDE_SIDE, GUIDE_PIXELS_PER_LOGIT = 129, 2
# Bins of a channel in the colour histograms.
BINS = 16
# The exponent of a colour's likelihood; pixels with the colours of the whole photo that each class has in addition to
# its own; and the smallest probability and share of a colour.
COLOUR_WEIGHT, PRIOR_PIXELS, MIN_PROBABILITY, MIN_SHARE = 0.6, 80.0, 1e-4, 1e-3
# A class that keeps less than this share of its pixels gets the labels without refinement: it was small, not wrong.
MIN_KEPT = 0.25


def refined_labels(prediction: Prediction, image: UInt8Array, photo: UInt8Array) -> UInt8Array:
    """Return the label map, uint8 [height, width], of `photo`, uint8 [height, width, 3].

    `image`, uint8 [height, width, 3], is the photo as the model saw it. `prediction` has logits.
    """
    logits = prediction.needed_logits
    classes, cells = np.unique(logits.argmax(axis=-1), return_counts=True)
    if len(classes) == 1:
        return np.full(photo.shape[:2], classes[0], np.uint8)
    guide = reduced(image, max(GUIDE_SIDE, -(-GUIDE_PIXELS_PER_LOGIT * max(image.shape[:2]) // prediction.stride)))
    likely = probabilities(logits)[..., classes]
    likely /= likely.sum(axis=-1, keepdims=True)
    likely = interpolated(likely, prediction.stride, image.shape[:2], guide.shape[:2])
    likely = _coloured(likely.transpose(2, 0, 1), guide)
    radius = max(1, round(prediction.stride * max(guide.shape[:2]) / max(image.shape[:2])))
    models = linear_models(likely, guide, radius)
    labels = _evaluated(models, likely, classes.astype(np.uint8), photo)
    labels = _with_small_classes(labels, prediction, image, dict(zip(classes.tolist(), cells.tolist(), strict=True)))
    return without_specks(labels, prediction, image.shape[:2])


def _coloured(likely: Array, guide: UInt8Array) -> Array:
    """Return the probabilities `likely`, [classes, height, width], weighted by the likelihood of the colours."""
    red, green, blue = (guide[..., channel].astype(np.intp) * BINS >> 8 for channel in range(3))
    bins = ((red * BINS + green) * BINS + blue).ravel()
    counts = np.stack([np.bincount(bins, weights.ravel(), BINS**3) for weights in likely])
    histograms: Array = counts.astype(np.float32).reshape(-1, BINS, BINS, BINS)
    for axis in (1, 2, 3):
        histograms = _smoothed(histograms, axis)
    histograms = histograms.reshape(len(likely), -1)
    pixels = histograms.sum(axis=1, keepdims=True)
    prior = PRIOR_PIXELS * histograms.sum(axis=0) / pixels.sum()
    likelihood = ((histograms + prior + MIN_SHARE) / (pixels + PRIOR_PIXELS)) ** COLOUR_WEIGHT
    weighted = np.maximum(likely, MIN_PROBABILITY) * likelihood[:, bins].reshape(likely.shape)
    coloured: Array = weighted / weighted.sum(axis=0)
    return coloured


def _smoothed(histograms: Array, axis: int) -> Array:
    """Return `histograms` convolved with (1, 2, 1) / 4 along `axis`; the outermost bins are repeated."""
    first, last = (np.take(histograms, [end], axis) for end in (0, -1))
    inner = np.arange(BINS - 1)
    before = np.concatenate([first, np.take(histograms, inner, axis)], axis)
    after = np.concatenate([np.take(histograms, inner + 1, axis), last], axis)
    smoothed: Array = 0.5 * histograms + 0.25 * (before + after)
    return smoothed


def _evaluated(models: LinearModels, likely: Array, classes: UInt8Array, photo: UInt8Array) -> UInt8Array:
    """Return the best of `classes` at each pixel of `photo`, uint8 [height, width]."""
    labels = np.empty(photo.shape[:2], np.uint8)
    nearby = classes[likely.argmax(axis=0)]
    for block in blocks(*photo.shape[:2]):
        above = neighbours(nearby.shape[0], photo.shape[0], block[0])[0]
        left = neighbours(nearby.shape[1], photo.shape[1], block[1])[0]
        nearby[above].take(left, axis=1, out=labels[block], mode="clip")
    for strip in strips(models, photo):
        labels[strip.rows.start : strip.rows.stop, strip.columns] = _best(strip, classes)
    return labels


def _best(strip: Strip, classes: UInt8Array) -> UInt8Array:
    """Return the best of `classes` at the pixels of `strip`, uint8 [rows, columns]."""
    last, best = np.ones(strip.shape, np.float32), np.full(strip.shape, -np.inf, np.float32)
    labels = np.full(strip.shape, classes[0])
    for class_, model in zip(classes, strip.models, strict=False):
        checkpoint()
        probability = strip.probability(model)
        last -= probability
        labels[probability > best] = class_
        np.maximum(best, probability, out=best)
    labels[last > best] = classes[-1]
    return labels


def _with_small_classes(
    labels: UInt8Array, prediction: Prediction, image: UInt8Array, cells: dict[int, int]
) -> UInt8Array:
    """Return `labels` with the unrefined pixels of each class that refinement has nearly removed.

    `cells` has the number of logits at which each class is the best one.
    """
    # numpy.bincount() would copy the labels as integers of eight bytes.
    pixels = Image.fromarray(labels).histogram()
    per_cell = labels.size * prediction.stride**2 / (image.shape[0] * image.shape[1])
    lost = [class_ for class_, count in cells.items() if pixels[class_] < MIN_KEPT * count * per_cell]
    if lost:
        unrefined = upsampled_labels(prediction.needed_logits, prediction.stride, image.shape[:2], labels.shape)
        for class_ in lost:
            checkpoint()
            labels[unrefined == class_] = class_
    return labels
