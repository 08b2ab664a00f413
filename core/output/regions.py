"""Connected regions of a label map: runs of equal pixels in a row, joined with those of the rows beside it.

Pixels that touch at a corner alone are not connected. One pass over the pixels finds the runs; the rest is in
proportion to their number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.checkpoint import checkpoint
from core.output.tiles import PIXELS, pieces
from core.types import Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Regions:
    """The connected regions of a label map of `shape`, height and width, numbered by their first pixels.

    `starts`, integers [runs], are the indices of the first pixels of the runs in row-major order, `region`, integers
    [runs], their regions. `first`, integers [regions], is the first run of each region, and `classes`, uint8
    [regions], its class id.
    """

    shape: tuple[int, int]
    starts: Array
    region: Array
    first: Array
    classes: UInt8Array

    @property
    def lengths(self) -> Array:
        """The number of pixels of each run."""
        return np.diff(self.starts, append=self.shape[0] * self.shape[1])

    @property
    def pixels(self) -> Array:
        """The number of pixels of each region, integers [regions]."""
        return np.bincount(self.region, self.lengths, len(self.first)).astype(np.int64)

    def within(self, part: slice) -> tuple[Array, Array]:
        """Return the regions of the runs within a `part` of the pixels in row-major order, and their lengths in it."""
        first, last = np.searchsorted(self.starts, (part.start, part.stop - 1), "right") - 1
        bounds = np.append(self.starts[first : last + 1], part.stop)
        bounds[0] = part.start
        return self.region[first : last + 1], np.diff(bounds)

    def at(self, places: Array) -> Array:
        """Return the regions of the pixels with the indices `places`, in row-major order."""
        return np.asarray(self.region[np.searchsorted(self.starts, places, "right") - 1])


def run_starts(seg_map: UInt8Array) -> Iterator[Array]:
    """Yield the indices, in row-major order, at which the runs in `seg_map`, uint8 [height, width], begin."""
    labels, width = seg_map.ravel(), seg_map.shape[1]
    for part in pieces(0, labels.size, PIXELS):
        is_start = np.zeros(part.stop - part.start, bool)
        before = max(part.start, 1)
        np.not_equal(
            labels[before : part.stop], labels[before - 1 : part.stop - 1], out=is_start[before - part.start :]
        )
        is_start[-part.start % width :: width] = True
        yield np.flatnonzero(is_start) + part.start


def regions(seg_map: UInt8Array) -> Regions:
    """Return the connected regions of `seg_map`, uint8 [height, width], background included."""
    starts = np.concatenate(list(run_starts(seg_map)))
    roots = _roots(len(starts), *_links(seg_map.ravel(), starts, seg_map.shape[1]))
    checkpoint()
    # A root is the first run of its region.
    is_first = roots == np.arange(len(roots))
    first = np.flatnonzero(is_first)
    region = (np.cumsum(is_first) - 1)[roots]
    return Regions(seg_map.shape, starts, region, first, seg_map.ravel()[starts[first]])


def paint(seg_map: UInt8Array, found: Regions, classes: UInt8Array) -> None:
    """Give the regions `found` in `seg_map`, uint8 [height, width], the `classes`, uint8 [regions]."""
    labels = seg_map.reshape(-1)
    is_new = classes != found.classes
    for part in pieces(0, labels.size, PIXELS):
        region, lengths = found.within(part)
        if is_new[region].any():
            labels[part] = np.repeat(classes[region], lengths)


def _links(labels: UInt8Array, starts: Array, width: int) -> tuple[Array, Array]:
    """Return pairs of runs, in two arrays, that touch one above the other and have the same label.

    Where two runs overlap, one of them begins.
    """
    checkpoint()
    runs = np.arange(len(starts))
    lower, upper = starts >= width, starts < labels.size - width
    here, there = runs[lower], starts[lower] - width
    is_same = labels[there] == labels[there + width]
    checkpoint()
    below = here[is_same], np.searchsorted(starts, there[is_same], "right") - 1
    here, there = runs[upper], starts[upper] + width
    is_same = labels[there] == labels[there - width]
    checkpoint()
    above = here[is_same], np.searchsorted(starts, there[is_same], "right") - 1
    return np.concatenate([below[0], above[0]]), np.concatenate([below[1], above[1]])


def _roots(count: int, one: Array, other: Array) -> Array:
    """Return the first of the nodes connected with each of `count` nodes; `one` and `other` are linked in pairs.

    Each round joins every tree to the first one that it has a link to, and then points all nodes to the roots
    (Y. Shiloach, U. Vishkin: An O(log n) parallel connectivity algorithm, 1982).
    """
    parent = np.arange(count)
    while True:
        checkpoint()
        one, other = parent[one], parent[other]
        is_open = one != other
        one, other = one[is_open], other[is_open]
        if not one.size:
            return parent
        np.minimum.at(parent, np.maximum(one, other), np.minimum(one, other))
        parent = followed(parent)


def followed(target: Array) -> Array:
    """Return the end of the way from each index through `target`, integers, which leads to it without a circle."""
    while True:
        checkpoint()
        further = target[target]
        if np.array_equal(further, target):
            return target
        target = further
