"""How right label maps are: against another engine's, and against the masks of PASCAL VOC."""

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
    """A folder in VOC's layout."""

    folder: Path

    def photos(self) -> list[Path]:
        """Return the photos, with masks or without, those that are not scored first."""
        scored = {photo.stem for photo, _ in read_voc(self.folder)}
        return sorted((self.folder / "JPEGImages").iterdir(), key=lambda photo: (photo.stem in scored, photo.name))

    def scored(self, step: int) -> Iterator[tuple[Image.Image, UInt8Array]]:
        """Yield every `step`-th scored photo and its mask, uint8 [height, width]."""
        for photo, mask in read_voc(self.folder, step):
            yield Image.open(photo), np.asarray(Image.open(mask))


@dataclass
class Score:
    """What an engine's label maps came to so far."""

    equal: int = 0
    compared: int = 0
    accuracy: Accuracy = field(default_factory=lambda: Accuracy(len(LABELS)))

    def compare(self, labels: UInt8Array, other: UInt8Array) -> None:
        """Count the pixels where two maps of one image are equal."""
        self.equal += int(np.count_nonzero(labels == other))
        self.compared += labels.size

    def judge(self, labels: UInt8Array, mask: UInt8Array) -> None:
        """Count the pixels of `labels` by true and found class."""
        self.accuracy.add(mask, labels)

    @property
    def agreement(self) -> float | None:
        """The percentage of compared pixels that were equal."""
        return 100 * self.equal / self.compared if self.compared else None

    @property
    def mean_iou(self) -> float | None:
        """The mean intersection over union in percent, or None where nothing was judged."""
        return 100 * self.accuracy.mean_iou if self.accuracy.confusion.any() else None
