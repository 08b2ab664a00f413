"""The blurred background of a cut-out: of the background alone, so that the object does not glow around its edges."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

from core.output.resample import enlarged, reduced
from core.output.tiles import Tile
from core.types import Array, UInt8Array

# The standard deviation at the reduced size, in pixels: enough that enlarging leaves no grid. And the sizes, in pixels
# of the long side.
SIGMA, MIN_SIDE, MAX_SIDE = 6.0, 64, 800
# The weight of the object, where no background is near: it is behind the object, and needs some colour.
INSIDE = 1e-6


def blurred_background(photo: UInt8Array, alpha: UInt8Array, blur: float) -> Iterator[tuple[Tile, UInt8Array]]:
    """Yield the tiles of the background of `photo`, uint8 [height, width, 3], blurred without the object.

    `alpha`, uint8 [height, width], is the opacity of the object. `blur` is the standard deviation of the Gaussian, as a
    share of the long side. The mean is weighted: pixels of the object have no weight (H. Knutsson, C.-F. Westin:
    Normalized and Differential Convolution, 1993).
    """
    small = reduced(photo, min(MAX_SIDE, max(MIN_SIDE, round(SIGMA / blur)))).astype(np.float32)
    height, width = small.shape[:2]
    share = Image.fromarray(alpha).resize((width, height), Image.Resampling.BOX)
    # Pixels beside the object have some of its colour.
    near = np.asarray(share.filter(ImageFilter.MaxFilter(3)))
    weight = np.where(near > 0, np.float32(INSIDE), np.float32(1))
    vertical, horizontal = (_gaussian(length, blur * max(height, width)) for length in (height, width))
    total = vertical @ weight @ horizontal.T
    channels = [
        enlarged(Image.fromarray(vertical @ (small[..., channel] * weight) @ horizontal.T / total), alpha.shape[::-1])
        for channel in range(3)
    ]
    for parts in zip(*channels, strict=True):
        colours = np.stack([np.asarray(part) for _, part in parts], axis=-1)
        yield parts[0][0], np.rint(colours).astype(np.uint8)


def _gaussian(length: int, sigma: float) -> Array:
    """Return the matrix, float32 [length, length], that averages with a Gaussian of `sigma` pixels."""
    index = np.arange(length)
    distance = (index[:, np.newaxis] - index) / max(sigma, 0.1)
    weights = np.exp(-0.5 * distance * distance)
    matrix: Array = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix
