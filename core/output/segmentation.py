"""The label map of a photo, with the photo at the same size."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from core.output.refine import refined_labels
from core.output.upsample import upsampled_labels
from core.types import Edges, Prediction, UInt8Array


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A segmented photo.

    `seg_map` holds the class id of each pixel, uint8 [height, width], top row first. `photo` is the RGB image of the
    same size, uint8 [height, width, 3]. `labels` are the names of the classes by id. `prediction` is the output of the
    model. With `pieces`, each connected region of a class is an object of its own. `background`, uint8 [height, width,
    3] of any size, is the picture behind a cut-out, if there is one.
    """

    seg_map: UInt8Array
    photo: UInt8Array
    labels: tuple[str, ...]
    prediction: Prediction
    pieces: bool = False
    background: UInt8Array | None = None

    def keep_classes(self, classes: Collection[int]) -> "Segmentation":
        """Return the segmentation with every class id that is not in `classes` replaced by background (0)."""
        kept = np.zeros(256, np.uint8)
        for class_ in classes:
            kept[class_] = class_
        return replace(self, seg_map=kept[self.seg_map])


def width_height(seg_map: UInt8Array) -> tuple[int, int]:
    """Return the width and height, in pixels, of `seg_map`, uint8 [height, width]."""
    height, width = seg_map.shape
    return width, height


def image_box(seg_map: UInt8Array) -> tuple[int, int, int, int] | None:
    """Return the left, top, right and bottom of the pixels that are not background; None if all are."""
    rows, columns = np.flatnonzero(seg_map.any(axis=1)), np.flatnonzero(seg_map.any(axis=0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def enlarged(prediction: Prediction, image: UInt8Array, photo: UInt8Array, edges: Edges) -> UInt8Array:
    """Return the labels of `prediction`, uint8 [height, width], at the size of `photo`, uint8 [height, width, 3].

    `image` is the photo as the model saw it. With `edges` "photo" the labels follow the edges of the photo. With
    "model" the logits are interpolated before the best class is taken, which gives smoother edges than enlarging the
    label map. A prediction without logits is enlarged by nearest neighbour.
    """
    height, width = photo.shape[:2]
    if prediction.logits is None:
        return np.asarray(Image.fromarray(prediction.seg_map).resize((width, height), Image.Resampling.NEAREST))
    if edges == "photo":
        return refined_labels(prediction, image, photo)
    return upsampled_labels(prediction.logits, prediction.stride, prediction.seg_map.shape, (height, width))
