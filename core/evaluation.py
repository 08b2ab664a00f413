"""Accuracy on photos with known masks: mean intersection over union (IoU), as defined by PASCAL VOC."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.types import UInt8Array

# The value of the pixels along the outlines of objects in VOC's masks. They are not scored.
VOID = 255


def read_voc(folder: Path, every: int = 1) -> list[tuple[Path, Path]]:
    """Return the paths of the photos in `folder` and of their masks, for every `every`-th id in its list.

    The layout is VOC's: JPEGImages/ID.jpg, SegmentationClass/ID.png, and the ids in val.txt or, as in the original
    archive, ImageSets/Segmentation/val.txt. Raises FileNotFoundError if there is no list.
    """
    lists = [folder / "val.txt", folder / "ImageSets" / "Segmentation" / "val.txt"]
    ids = next((file.read_text().split() for file in lists if file.exists()), None)
    if ids is None:
        raise FileNotFoundError(f"{folder} has neither val.txt nor ImageSets/Segmentation/val.txt")
    return [(folder / "JPEGImages" / f"{id_}.jpg", folder / "SegmentationClass" / f"{id_}.png") for id_ in ids[::every]]


class Accuracy:
    """The confusion matrix of many photos, int64 [true class, predicted class], in pixels."""

    def __init__(self, num_classes: int) -> None:
        self.confusion = np.zeros((num_classes, num_classes), np.int64)

    def add(self, truth: UInt8Array, seg_map: UInt8Array) -> None:
        """Add a photo: its mask `truth` and its label map `seg_map`, both uint8 [height, width].

        `seg_map` is resized to the size of `truth` by nearest neighbour. VOID pixels of `truth` are not counted.
        """
        height, width = truth.shape
        predicted = np.asarray(Image.fromarray(seg_map).resize((width, height), Image.Resampling.NEAREST))
        scored = truth != VOID
        pairs = truth[scored].astype(np.int64) * len(self.confusion) + predicted[scored]
        self.confusion += np.bincount(pairs, minlength=self.confusion.size).reshape(self.confusion.shape)

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """Intersection over union of each class, float64 [num_classes]; NaN for a class that never occurs."""
        intersection = np.diag(self.confusion)
        union = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - intersection
        iou: npt.NDArray[np.float64] = np.divide(intersection, union, out=np.full(len(union), np.nan), where=union > 0)
        return iou

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the classes that occur (Everingham et al. 2015)."""
        return float(np.nanmean(self.iou))

    @property
    def pixel_accuracy(self) -> float:
        """Fraction of the pixels whose predicted class is the true one."""
        return float(np.trace(self.confusion) / self.confusion.sum())
