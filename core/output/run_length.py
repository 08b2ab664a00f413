"""The area of each class in a label map, with COCO's compressed run-length encoding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.output.tiles import PIXELS, pieces
from core.types import Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Area:
    """The pixels of one class: their number, bounding box [x, y, width, height] and compressed run-length encoding.

    `counts` encodes the lengths of alternating runs of other pixels and of the class's pixels, in column-major order,
    in the form of COCO's API (see Runs).
    """

    class_id: int
    pixels: int
    bbox: tuple[int, int, int, int]
    counts: bytes


def areas(seg_map: Array) -> list[Area]:
    """Return the areas of the classes in `seg_map`, integers [height, width], largest first, without background."""
    found: dict[int, Runs] = {}
    last, start = np.zeros(1, seg_map.dtype), 0
    for columns in _column_major(seg_map):
        # A class has a bound where either a pixel or the one before it is of the class.
        labels = np.concatenate([last, columns])
        changes = np.flatnonzero(labels[1:] != labels[:-1])
        beside = np.stack([labels[changes], labels[changes + 1]], axis=1).ravel()
        order = np.argsort(beside, kind="stable")
        classes, firsts = np.unique(beside[order], return_index=True)
        bounds = start + changes[order >> 1]
        for class_, some in zip(classes.tolist(), np.split(bounds, firsts[1:]), strict=False):
            if class_:
                found.setdefault(class_, Runs(seg_map.shape[0])).add(some)
        last, start = labels[-1:], start + columns.size
    done = [runs.area(class_, seg_map) for class_, runs in found.items()]
    return sorted(done, key=lambda area: (-area.pixels, area.class_id))


def _column_major(seg_map: Array) -> Iterator[Array]:
    """Yield the labels in `seg_map` in column-major order, in pieces."""
    height, width = seg_map.shape
    for columns in pieces(0, width, PIXELS // height):
        for rows in pieces(0, height, PIXELS):
            yield seg_map[rows, columns].T.ravel()


class Runs:
    """The runs of a class, in column-major order, in a picture of `height` rows.

    The lengths of the runs, and of those of other pixels between them, are encoded in the compressed form of COCO's API
    (rleToString in maskApi.c): from index 3 on, a length is replaced by its difference to the one two positions before.
    """

    def __init__(self, height: int) -> None:
        self._height = height
        self._first = self._last = 0
        self._pixels, self._top, self._bottom = 0, height, 0
        self._number = 0
        self._earlier = np.zeros(2, np.int64)
        self._text: list[bytes] = []

    def add(self, bounds: Array) -> None:
        """Add `bounds`, integers: the next pixels at which, alternately, a run begins and has ended."""
        is_open = self._number % 2
        begins, ends = bounds[is_open::2], bounds[1 - is_open :: 2]
        self._top = int((begins % self._height).min(initial=self._top))
        self._bottom = int(((ends - 1) % self._height).max(initial=self._bottom))
        if not self._number:
            self._first = int(bounds[0])
        lengths = np.diff(bounds, prepend=self._last)
        self._pixels += int(lengths[1 - is_open :: 2].sum())
        self._encode(lengths)
        self._last = int(bounds[-1])

    def area(self, class_: int, seg_map: Array) -> Area:
        """Return the area of `class_`, whose bounds in `seg_map` have been added, except the end of the picture."""
        if self._number % 2:
            self.add(np.array([seg_map.size]))
        else:
            self._encode(np.array([seg_map.size - self._last]))
        left, right = self._first // self._height, (self._last - 1) // self._height
        # A run that continues in the next column covers the last row and the first row.
        top = 0 if class_ in seg_map[0] else self._top
        bottom = self._height - 1 if class_ in seg_map[-1] else self._bottom
        return Area(class_, self._pixels, (left, top, right + 1 - left, bottom + 1 - top), b"".join(self._text))

    def _encode(self, lengths: Array) -> None:
        earlier = np.concatenate([self._earlier, lengths])
        if not self._number:
            earlier[2] = 0  # the first length is subtracted from none
        self._earlier = earlier[-2:]
        self._text.append(_characters(lengths - earlier[:-2]))
        self._number += lengths.size


def _characters(values: Array) -> bytes:
    """Return `values`, integers, as text: each in groups of five bits, lowest first.

    A group is one character: its value plus 48, and plus 32 if another group follows.
    """
    values = values.copy()
    groups, present, unfinished = [], [], np.ones(values.shape, bool)
    while unfinished.any():
        group = values & 0x1F
        values >>= 5
        present.append(unfinished)
        # A number ends at the group after which the remaining bits are all sign bits.
        unfinished = unfinished & (values != np.where(group & 0x10, -1, 0))
        groups.append(group + np.where(unfinished, 0x20, 0) + 48)
    text: UInt8Array = np.stack(groups, axis=1)[np.stack(present, axis=1)].astype(np.uint8)
    return text.tobytes()
