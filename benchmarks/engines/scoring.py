"""Compares label maps with those of another engine, and with the masks of PASCAL VOC."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from core.evaluation import Accuracy, read_voc
from core.labels import LABELS
from core.types import UInt8Array


@dataclass(frozen=True)
class Voc:
    """A folder in the layout of PASCAL VOC."""

    folder: Path

    def photos(self) -> list[Path]:
        """Return the paths of all photos: first those that scored() does not yield, then the others."""
        scored = {photo.stem for photo, _ in read_voc(self.folder)}
        return sorted((self.folder / "JPEGImages").iterdir(), key=lambda photo: (photo.stem in scored, photo.name))

    def scored(self, step: int) -> Iterator[tuple[Image.Image, UInt8Array]]:
        """Yield every `step`-th photo that has a mask, and the mask, uint8 [height, width]."""
        for photo, mask in read_voc(self.folder, step):
            yield Image.open(photo), np.asarray(Image.open(mask))


@dataclass
class Score:
    """Counts of pixels in the label maps of one engine."""

    equal: int = 0
    compared: int = 0
    accuracy: Accuracy = field(default_factory=lambda: Accuracy(len(LABELS)))

    def compare(self, labels: UInt8Array, other: UInt8Array) -> None:
        """Count the pixels where two label maps of an image are equal."""
        self.equal += int(np.count_nonzero(labels == other))
        self.compared += labels.size

    def judge(self, labels: UInt8Array, mask: UInt8Array) -> None:
        """Count the pixels of `labels` by their class and the class in `mask`."""
        self.accuracy.add(mask, labels)

    @property
    def agreement(self) -> float | None:
        """The percentage of the compared pixels that are equal, or None if none were compared."""
        return 100 * self.equal / self.compared if self.compared else None

    @property
    def mean_iou(self) -> float | None:
        """The mean intersection over union in percent, or None without masks."""
        return 100 * self.accuracy.mean_iou if self.accuracy.confusion.any() else None
