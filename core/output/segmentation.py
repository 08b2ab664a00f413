"""The label map of a photo, with the photo at the same size."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from core.output.upsample import upsampled_labels
from core.types import Prediction, UInt8Array


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A segmented photo.

    `seg_map` holds the class id of each pixel, uint8 [height, width], top row first. `photo` is the RGB image of the
    same size, uint8 [height, width, 3]. `labels` are the names of the classes by id.
    """

    seg_map: UInt8Array
    photo: UInt8Array
    labels: tuple[str, ...]

    def keep_classes(self, classes: Collection[int]) -> "Segmentation":
        """Return the segmentation with every class id that is not in `classes` replaced by background (0)."""
        kept = np.zeros(256, np.uint8)
        for class_ in classes:
            kept[class_] = class_
        return replace(self, seg_map=kept[self.seg_map])


def image_size(seg_map: UInt8Array) -> tuple[int, int]:
    """Return the width and height, in pixels, of `seg_map`, uint8 [height, width]."""
    height, width = seg_map.shape
    return width, height


def enlarged(prediction: Prediction, size: tuple[int, int]) -> UInt8Array:
    """Return the labels of `prediction`, uint8 [height, width], at `size`, the width and height of the photo.

    The logits are interpolated before the best class is taken, which gives smoother edges than enlarging the label map.
    A prediction without logits is enlarged by nearest neighbour.
    """
    if prediction.logits is None:
        return np.asarray(Image.fromarray(prediction.seg_map).resize(size, Image.Resampling.NEAREST))
    width, height = size
    return upsampled_labels(prediction.logits, prediction.stride, prediction.seg_map.shape, (height, width))
