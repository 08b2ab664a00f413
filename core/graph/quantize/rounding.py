"""Rounds the kernels of depthwise convolutions, so that the errors of neighbouring weights cancel each other out.

Neighbouring values are alike. Many depthwise kernels are differences of neighbours, with large weights that add up to
almost 0: of MobileNetV2's weights, those of the first depthwise layer cost the most when each is rounded to the nearest
integer, because their errors add up. Nagel et al. 2020 (arXiv:2004.10568) choose the integers by the values of photos;
an assumed similarity of neighbours is nearly as good for kernels of nine weights, and all their roundings can be tried.
"""

import numpy as np

from core.types import Array

# The correlation of a value with its neighbour in the next row or column. From 0.8 to 0.98 the result hardly changes.
CORRELATION = 0.9
# Weights of a kernel whose 2**WEIGHTS roundings are tried; a larger one is rounded to the nearest.
WEIGHTS = 9
MAX_WEIGHT = 127
# The largest integers of a kernel that are tried. A larger step has other roundings, and the best may be better.
LARGEST = range(MAX_WEIGHT, 107, -2)


def round_depthwise(kernel: Array, step: Array) -> tuple[Array, Array]:
    """Return `kernel`, [height, width, channels, 1], in integers, int8, and the step of each channel, [channels].

    A weight is its integer times the step of its channel. `step`, [channels], has the least steps that keep the
    integers within MAX_WEIGHT.
    """
    height, width = kernel.shape[:2]
    weights = kernel.reshape(height * width, -1)
    if len(weights) > WEIGHTS:
        return np.rint(kernel / step[:, np.newaxis]).astype(np.int8), step
    cells = np.indices((height, width)).reshape(2, -1)
    similarity = CORRELATION ** np.hypot(*(np.subtract.outer(axis, axis) for axis in cells))
    # All roundings, [weights, roundings]: 0 is down, 1 is up. The expected square of the error of a result is
    # e @ similarity @ e, where e = fractions - rounding.
    roundings = np.indices((2,) * len(weights)).reshape(len(weights), -1).astype(np.float32)
    products = similarity.astype(np.float32) @ roundings
    squares = (roundings * products).sum(axis=0)
    integers, steps, least = np.zeros_like(weights), step, np.full(len(step), np.inf)
    for largest in LARGEST:
        tried = step * (MAX_WEIGHT / largest)
        lower = np.clip(np.floor(weights / tried), -MAX_WEIGHT, MAX_WEIGHT - 1)
        fractions = (weights / tried - lower).astype(np.float32)
        best = (squares[:, np.newaxis] - 2 * products.T @ fractions).argmin(axis=0)
        errors = (fractions - roundings[:, best]) * tried
        sums = (errors * (similarity @ errors)).sum(axis=0)
        better = sums < least
        integers = np.where(better, lower + roundings[:, best], integers)
        steps, least = np.where(better, tried, steps), np.where(better, sums, least)
    return integers.reshape(kernel.shape).astype(np.int8), steps
