"""Accuracy on photos with known labels: mean intersection over union, as PASCAL VOC counts it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.types import UInt8Array

# VOC marks the pixels along objects' outlines with it; they are not scored.
VOID = 255


def read_voc(folder: Path, every: int = 1) -> list[tuple[Path, Path]]:
    """Return the photos of `folder` and the files of their labels, each `every`-th of its list.

    The layout is VOC's: JPEGImages/ID.jpg, SegmentationClass/ID.png, and the ids in val.txt or, as in the original
    archive, ImageSets/Segmentation/val.txt. Raises FileNotFoundError.
    """
    lists = [folder / "val.txt", folder / "ImageSets" / "Segmentation" / "val.txt"]
    ids = next((file.read_text().split() for file in lists if file.exists()), None)
    if ids is None:
        raise FileNotFoundError(f"{folder} has neither val.txt nor ImageSets/Segmentation/val.txt")
    return [(folder / "JPEGImages" / f"{id_}.jpg", folder / "SegmentationClass" / f"{id_}.png") for id_ in ids[::every]]


class Accuracy:
    """Counts pixels by their true and their found class, over many photos."""

    def __init__(self, num_classes: int) -> None:
        self.confusion = np.zeros((num_classes, num_classes), np.int64)

    def add(self, truth: UInt8Array, seg_map: UInt8Array) -> None:
        """Count a photo's pixels; `seg_map` is enlarged to the size of `truth` by nearest neighbour."""
        height, width = truth.shape
        found = np.asarray(Image.fromarray(seg_map).resize((width, height), Image.Resampling.NEAREST))
        known = truth != VOID
        pairs = truth[known].astype(np.int64) * len(self.confusion) + found[known]
        self.confusion += np.bincount(pairs, minlength=self.confusion.size).reshape(self.confusion.shape)

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """Intersection over union of each class, [num_classes], NaN for one that is nowhere."""
        both = np.diag(self.confusion)
        either = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - both
        iou: npt.NDArray[np.float64] = np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)
        return iou

    @property
    def mean_iou(self) -> float:
        """Mean of the classes' intersections over unions, those that are nowhere left out (Everingham et al. 2015)."""
        return float(np.nanmean(self.iou))

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class was found."""
        return float(np.trace(self.confusion) / self.confusion.sum())
