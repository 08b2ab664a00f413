"""Label maps without specks: regions that refinement has made, but in which the model has not seen their class."""

import numpy as np

from core.output.regions import Regions, followed, paint, regions, run_starts
from core.output.upsample import upsampled_labels
from core.types import Array, Prediction, UInt8Array

# The area of the smallest region that stays, in cells of the logits: one for so many pixels of the long side of the
# model's input. Chosen on 91 photos of PASCAL VOC val, and measured on 91 others (docs/benchmarks.md).
PIXELS_PER_CELL = 256
# The most runs of a refined label map: so many, and one for so many pixels. More are noise.
MAX_RUNS, PIXELS_PER_RUN = 100_000, 16


def without_specks(labels: UInt8Array, prediction: Prediction, size: tuple[int, int]) -> UInt8Array:
    """Remove the regions in which the model has not seen their class from refined `labels`, uint8 [height, width].

    A region is removed if its class is the best one at none of the logits of `prediction` inside it, or if it is too
    small; `size` is the height and width of the model's input. It gets the label beside its first pixel. Labels that
    are noise all over are replaced by those of the logits alone.
    """
    if sum(map(len, run_starts(labels))) > MAX_RUNS + labels.size // PIXELS_PER_RUN:
        labels = upsampled_labels(prediction.needed_logits, prediction.stride, size, labels.shape)
    found = regions(labels)
    # Noise can put a few pixels at the place of a logit. To want several logits would cost narrow parts and gaps.
    smallest = max(1, round(max(size) / PIXELS_PER_CELL)) * prediction.stride**2 * labels.size / (size[0] * size[1])
    is_kept = (seen(found, prediction, size)[0] > 0) & (found.pixels >= smallest)
    if is_kept.all() or not is_kept.any():
        return labels
    paint(labels, found, found.classes[_targets(found, is_kept)])
    return labels


def seen(found: Regions, prediction: Prediction, size: tuple[int, int]) -> tuple[Array, Array, Array]:
    """Return how many logits of the own class each of the regions `found` has inside, and the places of these logits.

    `size` is the height and width of the model's input. The places are the indices of the logits, row after row, and
    the regions around them.
    """
    logits, stride = prediction.needed_logits, prediction.stride
    best = logits.argmax(axis=-1)
    rows, columns = (
        ((np.arange(0, min(side, count * stride), stride) + 0.5) * (target / side)).astype(np.intp)
        for side, count, target in zip(size, best.shape, found.shape, strict=True)
    )
    inside = found.at((rows[:, np.newaxis] * found.shape[1] + columns).ravel())
    best = best[: len(rows), : len(columns)]
    logit = np.flatnonzero(found.classes[inside] == best.ravel())
    counts = np.bincount(inside[logit], minlength=len(found.first))
    row, column = np.divmod(logit, len(columns))
    return counts, row * logits.shape[1] + column, inside[logit]


def _targets(found: Regions, is_kept: Array) -> Array:
    """Return the region whose class each region gets: itself if `is_kept`, else the one beside its first pixel."""
    width = found.shape[1]
    starts = found.starts[found.first]
    beside = found.at(np.maximum(np.where(starts % width, starts - 1, starts - width), 0))
    # All regions before the first that is kept lead to the first pixel of the photo.
    beside[0] = np.flatnonzero(is_kept)[0]
    target: Array = np.where(is_kept, np.arange(len(is_kept)), beside)
    return followed(target)
