"""What the model finds in a photo, and the sizes of both: plain functions of arrays."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from core.output.upsample import enlarged_labels
from core.image.decode import Photo
from core.types import Prediction, UInt8Array


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What the model found: `seg_map`, uint8 [height, width], the class id of each pixel, top row first.

    `photo` returns what it was found in, an RGB image of the map's size; `labels` are the names of the classes.
    """

    seg_map: UInt8Array
    photo: Callable[[], Image.Image]
    labels: tuple[str, ...]

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the map, in pixels."""
        height, width = self.seg_map.shape
        return width, height

    def only(self, classes: Collection[int]) -> "Segmentation":
        """Return the segmentation with every class that is not in `classes` turned into background (0)."""
        keep = np.zeros(256, np.uint8)
        for class_ in classes:
            keep[class_] = class_
        return replace(self, seg_map=keep[self.seg_map])


def enlarged(prediction: Prediction, size: tuple[int, int]) -> UInt8Array:
    """Return the labels, uint8 [height, width], of the whole image of `size`, width and height."""
    if prediction.logits is None:
        return np.asarray(Image.fromarray(prediction.seg_map).resize(size, Image.Resampling.NEAREST))
    width, height = size
    return enlarged_labels(prediction.logits, prediction.stride, prediction.seg_map.shape, (height, width))


def resized(photo: Photo, long_side: int) -> UInt8Array:
    """Return `photo`, uint8 [height, width, 3], with its long side `long_side` pixels.

    The other side is in proportion to what was sent, floored, at least 1: the original's arithmetic.
    """
    width, height = (max(1, side * long_side // max(photo.size)) for side in photo.size)
    return np.asarray(photo.image.resize((width, height), Image.Resampling.LANCZOS))
