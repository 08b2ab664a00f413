"""Label maps of shapes that are hard for encoders."""

import numpy as np

from core.types import UInt8Array

RANDOM = np.random.default_rng(5)


def patches(height: int, width: int, classes: int = 4) -> UInt8Array:
    """Return a label map of rectangles of 7 x 5 pixels, coherent areas such as a model finds."""
    coarse = RANDOM.integers(0, classes, (height // 7 + 1, width // 5 + 1)).astype(np.uint8)
    return coarse.repeat(7, axis=0).repeat(5, axis=1)[:height, :width]


# By name.
LABEL_MAPS: dict[str, UInt8Array] = {
    "patches": patches(61, 83),
    "noise": RANDOM.integers(0, 21, (40, 30)).astype(np.uint8),
    "one class": np.full((9, 7), 3, np.uint8),
    "background": np.zeros((5, 4), np.uint8),
    "one pixel": np.full((1, 1), 8, np.uint8),
    "one row": np.array([[0, 0, 5, 5, 0, 5]], np.uint8),
    "one column": np.array([[5], [0], [5], [5]], np.uint8),
    "frame of class 255": np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=255),
    "long runs": np.pad(np.full((900, 3000), 15, np.uint8), ((70, 30), (0, 1))),
}
