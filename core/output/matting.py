"""Soft cut-outs: an alpha channel that follows the photo, and the colours of the foreground alone."""

from functools import cached_property

import numpy as np
from PIL import Image

from core.output.guided_filter import linear_models, neighbours, strips
from core.output.resample import reduced
from core.output.tiles import Tile
from core.types import Array, UInt8Array

# The long side of the guide of the alpha channel, and the radius of its windows, in pixels: alpha changes over a
# hundredth of the photo.
GUIDE_SIDE, RADIUS = 257, 2
# Filtered values up to the first are transparent, from the second on opaque: the filter spreads both.
TRANSPARENT, OPAQUE = 0.1, 0.9
# The long side at which the colours of foreground and background are estimated, and the radius of their means.
COLOUR_SIDE, COLOUR_RADIUS = 257, 4
PURITY = 3  # an exponent: blended pixels count little in these means


def soft_alpha(seg_map: UInt8Array, photo: UInt8Array) -> UInt8Array:
    """Return 0 at background in `seg_map`, 255 at other classes, and values between at their edges in `photo`.

    All are uint8 [height, width], and `photo` [height, width, 3].
    """
    alpha: UInt8Array = (seg_map != 0) * np.uint8(255)
    if not alpha.any() or alpha.all():
        return alpha
    guide = reduced(photo, GUIDE_SIDE)
    height, width = guide.shape[:2]
    foreground = (
        np.asarray(Image.fromarray(alpha).resize((width, height), Image.Resampling.BOX)).astype(np.float32) / 255
    )
    for strip in strips(linear_models(np.stack([foreground, 1 - foreground]), guide, RADIUS), photo):
        probability = (strip.probability(strip.models[0]) - TRANSPARENT) / (OPAQUE - TRANSPARENT)
        np.clip(probability, 0, 1, out=probability)
        # The smooth step 3 x^2 - 2 x^3.
        smooth = probability * probability * (3 - 2 * probability)
        alpha[strip.rows.start : strip.rows.stop, strip.columns] = np.rint(255 * smooth)
    return alpha


class Foreground:
    """The colours of the foreground of `photo`, uint8 [height, width, 3], which differ where `alpha` is soft.

    A pixel is a blend of foreground and background. Both are estimated by means over a neighbourhood, weighted by
    alpha, and the rest of the pixel's colour is given to the foreground (M. Forte: Approximate Fast Foreground Colour
    Estimation, 2021).
    """

    def __init__(self, photo: UInt8Array, alpha: UInt8Array) -> None:
        self._photo, self._alpha = photo, alpha

    @cached_property
    def _means(self) -> tuple[Array, Array]:
        """The means of the foreground and of the background, float32 [height, width, 3], at a smaller size."""
        small = reduced(self._photo, COLOUR_SIDE).astype(np.float32)
        size = small.shape[1], small.shape[0]
        weight = np.asarray(Image.fromarray(self._alpha).resize(size, Image.Resampling.BOX)).astype(np.float32) / 255
        return _weighted_mean(small, weight**PURITY), _weighted_mean(small, (1 - weight) ** PURITY)

    def colours(self, tile: Tile) -> UInt8Array:
        """Return the colours at the rows and columns `tile`, uint8 [rows, columns, 3]."""
        photo, alpha = self._photo[tile], self._alpha[tile]
        rows, columns = np.nonzero((alpha > 0) & (alpha < 255))
        if not rows.size:
            return photo
        height, width = self._means[0].shape[:2]
        row = neighbours(height, len(self._photo), tile[0])[0][rows]
        column = neighbours(width, self._photo.shape[1], tile[1])[0][columns]
        inner, outer = (mean[row, column] for mean in self._means)
        share = alpha[rows, columns, np.newaxis].astype(np.float32) / 255
        rest = photo[rows, columns] - share * inner - (1 - share) * outer
        result = photo.copy()
        result[rows, columns] = np.clip(np.rint(inner + share * rest), 0, 255)
        return result


def _weighted_mean(colours: Array, weight: Array) -> Array:
    """Return the means of `colours`, float32 [height, width, 3], around each pixel, weighted by `weight`."""
    total = _sums(colours * weight[..., np.newaxis]) + 1e-3 * _sums(colours)
    mean: Array = total / (_sums(weight[..., np.newaxis]) + 1e-3 * _sums(np.ones_like(weight[..., np.newaxis])))
    return mean


def _sums(values: Array) -> Array:
    """Return the sums of `values`, float32 [height, width, channels], over windows that are cut off at the border."""
    for axis in (0, 1):
        length = values.shape[axis]
        totals = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis, dtype=np.float64)], axis)
        ends = np.minimum(np.arange(length) + COLOUR_RADIUS + 1, length)
        starts = np.maximum(np.arange(length) - COLOUR_RADIUS, 0)
        values = totals.take(ends, axis) - totals.take(starts, axis)
    return values.astype(np.float32)
