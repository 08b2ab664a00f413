"""The guided filter: class probabilities as linear functions of the colour, evaluated at the full size of a photo.

K. He, J. Sun, X. Tang: Guided Image Filtering, 2010; K. He, J. Sun: Fast Guided Filter, 2015.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from core.output.tiles import PIXELS, blocks, pieces
from core.types import Array, UInt8Array

# The variance, of colours from 0 to 1, below which the guide counts as flat.
EPSILON = 1e-4
# Where all windows have one class with at least this probability, that class is the label.
CERTAIN = 0.95
# The entries of a symmetric matrix of three rows.
UPPER_TRIANGLE = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
# Rows of the photo that are evaluated at a time, at least: few, so that they stay in the processor's cache.
STRIP_ROWS = 16


@dataclass(frozen=True, slots=True)
class LinearModels:
    """The probability of each class but the last as a linear function of the colour, at each pixel of the guide.

    `coefficients` are float32 [classes - 1, 4, height, width]: those of red, green and blue, 0 to 255, and a constant.
    `is_mixed`, bool [height, width], tells where no class is certain.
    """

    coefficients: Array
    is_mixed: Array


def linear_models(likely: Array, guide: UInt8Array, radius: int) -> LinearModels:
    """Return the guided filter of the probabilities `likely`, [classes, height, width], in windows of `radius`."""
    colours = guide.transpose(2, 0, 1).astype(np.float32) / 255
    # Variances of centred colours need less precision.
    centre = colours.mean(axis=(1, 2), keepdims=True)
    colours = np.ascontiguousarray(colours - centre)
    vertical, horizontal = (_box(length, radius) for length in colours.shape[1:])

    def mean(values: Array) -> Array:
        averaged: Array = vertical @ values @ horizontal.T
        return averaged

    means = mean(colours)
    inverse = _inverse_covariance(colours, means, mean)
    coefficients = np.empty((len(likely) - 1, 4, *guide.shape[:2]), np.float32)
    for probability, model in zip(likely, coefficients, strict=False):
        average = mean(probability)
        covariance = mean(colours * probability) - means * average
        model[:3] = (inverse * covariance).sum(axis=1)
        model[3] = average - (model[:3] * means).sum(axis=0)
    coefficients = mean(coefficients)
    coefficients[:, 3] -= (coefficients[:, :3] * centre).sum(axis=1)
    coefficients[:, :3] /= 255
    is_mixed: Array = np.asarray(mean(mean(likely)).max(axis=0) < CERTAIN)
    is_mixed[:-1] |= is_mixed[1:]
    is_mixed[:, :-1] |= is_mixed[:, 1:]
    return LinearModels(coefficients, is_mixed)


def _box(length: int, radius: int) -> Array:
    """Return the matrix, float32 [length, length], that averages over windows, which are cut off at the ends."""
    index = np.arange(length)
    inside = np.abs(index[:, np.newaxis] - index) <= radius
    weights: Array = (inside / inside.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def _inverse_covariance(colours: Array, means: Array, mean: Callable[[Array], Array]) -> Array:
    """Return the inverse of the colours' covariance in each window, float32 [3, 3, height, width]."""
    (rr, rg, rb, gg, gb, bb) = (
        mean(colours[i] * colours[j]) - means[i] * means[j] + EPSILON * (i == j) for i, j in UPPER_TRIANGLE
    )
    cofactors = (
        gg * bb - gb * gb,
        gb * rb - rg * bb,
        rg * gb - gg * rb,
        rr * bb - rb * rb,
        rg * rb - rr * gb,
        rr * gg - rg * rg,
    )
    determinant = cofactors[0] * rr + cofactors[1] * rg + cofactors[2] * rb
    order = (0, 1, 2, 1, 3, 4, 2, 4, 5)  # of a symmetric matrix
    inverse: Array = np.stack([cofactors[n] for n in order]).reshape(3, 3, *determinant.shape) / determinant
    return inverse


@dataclass(frozen=True, slots=True)
class Strip:
    """The `rows` and `columns` of a photo at which no class is certain, with their linear models and colours.

    `models` are the coefficients, float32 [classes - 1, 4, rows of the guide, columns]. `weights`, float32 [rows, rows
    of the guide], interpolate between the latter. `colours` are float32 [3, rows, columns].
    """

    rows: slice
    columns: Array
    models: Array
    weights: Array
    colours: Array

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and columns."""
        return len(self.weights), len(self.columns)

    def probability(self, model: Array) -> Array:
        """Return the probability, float32 [rows, columns], by `model`, one of `models`."""
        coefficients = self.weights @ model
        coefficients[:3] *= self.colours
        probability: Array = coefficients[3]
        for term in coefficients[:3]:
            probability += term
        return probability


def strips(models: LinearModels, photo: UInt8Array) -> Iterator[Strip]:
    """Yield the parts of `photo`, uint8 [height, width, 3], at which no class is certain."""
    height, width = models.is_mixed.shape
    group = max(1, -(-STRIP_ROWS * height // photo.shape[0]))
    for block in blocks(*photo.shape[:2]):
        above, below, down = neighbours(height, photo.shape[0], block[0])
        left, right, across = neighbours(width, photo.shape[1], block[1])
        first_row = np.searchsorted(above, np.arange(height + 1)).tolist()
        for start in range(0, height, group):
            stop = min(start + group, height)
            columns = np.flatnonzero(np.asarray(models.is_mixed[start:stop].any(axis=0))[left])
            if first_row[start] == first_row[stop] or not columns.size:
                continue
            guide_rows = models.coefficients[:, :, start : stop + 1]
            horizontal = guide_rows[..., left[columns]]
            horizontal += (guide_rows[..., right[columns]] - horizontal) * across[columns]
            for rows in pieces(first_row[start], first_row[stop], PIXELS // columns.size):
                weights = np.zeros((rows.stop - rows.start, guide_rows.shape[2]), np.float32)
                row = np.arange(len(weights))
                weights[row, above[rows] - start] = 1 - down[rows]
                weights[row, below[rows] - start] += down[rows]
                place = slice(block[0].start + rows.start, block[0].start + rows.stop), block[1].start + columns
                yield Strip(*place, horizontal, weights, _smooth_colours(photo, *place))


def _smooth_colours(photo: UInt8Array, rows: slice, columns: Array) -> Array:
    """Return the mean colours of 3 x 3 pixels, float32 [3, rows, columns], at `rows` and `columns` of `photo`.

    Without the mean, noise would become specks. Pixels outside the photo have the colour of the nearest one inside.
    """
    height, width = photo.shape[:2]
    left = max(int(columns[0]) - 1, 0)
    nearby = np.clip(np.arange(rows.start - 1, rows.stop + 1), 0, height - 1)
    piece = photo[nearby, left : int(columns[-1]) + 2].astype(np.uint16)
    vertical = piece[:-2] + piece[1:-1]
    vertical += piece[2:]
    sums = vertical.copy()
    sums[:, 1:] += vertical[:, :-1]
    sums[:, :-1] += vertical[:, 1:]
    # At the other ends of the piece are columns that are not asked for.
    if columns[0] == 0:
        sums[:, 0] += vertical[:, 0]
    if columns[-1] == width - 1:
        sums[:, -1] += vertical[:, -1]
    colours = np.empty((3, len(sums), len(columns)), np.float32)
    np.multiply(sums.take(columns - left, axis=1).transpose(2, 0, 1), np.float32(1 / 9), out=colours)
    return colours


def neighbours(size: int, target: int, part: slice) -> tuple[Array, Array, Array]:
    """Return the indices of the guide's pixels before and after each of `part` of `target` pixels, and the fraction."""
    places = np.clip((np.arange(part.start, part.stop) + 0.5) * (size / target) - 0.5, 0, size - 1)
    before = np.minimum(places.astype(np.intp), max(size - 2, 0))
    return before, np.minimum(before + 1, size - 1), (places - before).astype(np.float32)
