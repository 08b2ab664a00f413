"""Outlines of the classes in a label map, as closed rings that run half-way between the centres of pixels.

The work is two passes over the pixels, for all classes together, and the rest is in proportion to the points.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.checkpoint import checkpoint
from core.output.tiles import PIXELS, pieces
from core.types import Array

# The directions of an edge, clockwise, and their x and y. The class of the edge is at its right-hand side.
EAST, SOUTH, WEST, NORTH = range(4)
STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])


@dataclass(frozen=True, slots=True)
class Outlines:
    """The outlines of a class: `points`, float64 [points, 2], are x and y, one ring after the other.

    `ring`, integers [points], is the ring of each point. `owner`, integers [rings], is the outer ring around each hole,
    and of an outer ring itself. Pixels that touch at a corner alone are not connected.
    """

    points: Array
    ring: Array
    owner: Array


def count_points(seg_map: Array) -> int:
    """Return the number of points of all outlines in `seg_map`, integers [height, width], without background."""
    return sum(
        int(np.count_nonzero((here != there) & (labels != 0)))
        for *_, here, there in _neighbours(seg_map)
        for labels in (here, there)
    )


def outlines(seg_map: Array) -> Iterator[tuple[int, Outlines]]:
    """Yield each class in `seg_map`, integers [height, width], and its outlines, without background.

    A point is the middle of an edge between a pixel of the class and another one. The edge leads from a corner of
    pixels to the next, and is encoded as four times the index of its first corner plus its direction. The index is
    x + y * `width`, where `width` is that of a picture with a frame of one pixel.
    """
    width = seg_map.shape[1] + 2
    codes, classes = [], []
    for start, step, here, there in _neighbours(seg_map):
        changes = np.flatnonzero(here != there)
        corner = start + changes  # at the bottom right of a pixel
        if step == 1:
            sides = (here, corner - width, SOUTH), (there, corner, NORTH)
        else:
            sides = (here, corner, WEST), (there, corner - 1, EAST)
        for labels, first_corner, direction in sides:
            found = labels[changes]
            codes.append((4 * first_corner + direction)[found != 0])
            classes.append(found[found != 0])
    all_codes, all_classes = np.concatenate(codes), np.concatenate(classes)
    for class_ in np.unique(all_classes).tolist():
        yield class_, _traced(np.sort(all_codes[all_classes == class_]), width)


def _neighbours(seg_map: Array) -> Iterator[tuple[int, int, Array, Array]]:
    """Yield the labels of pixels, and of their neighbours at the right or below, in pieces; background is around all.

    The pixels are those of the picture with a frame of one pixel, one row after the other. The index of the first one
    comes first, and then the difference of indices: 1 or the width.
    """
    framed = np.pad(seg_map, 1)
    labels, width = framed.ravel(), framed.shape[1]
    for part in pieces(0, labels.size - width, PIXELS):
        for step in (1, width):
            yield part.start, step, labels[part], labels[part.start + step : part.stop + step]


def _traced(codes: Array, width: int) -> Outlines:
    """Return the outlines of the class whose edges have `codes`, sorted; see outlines()."""
    corners, directions = codes >> 2, codes & 3
    ends = corners + STEPS[directions] @ (1, width)
    # One or two edges begin where another one ends. Of two, the one to the right belongs to the same pixel.
    following = np.searchsorted(corners, ends)
    second = np.minimum(following + 1, len(codes) - 1)
    is_other = (corners[second] == ends) & (directions[following] != (directions + 1) % 4)
    firsts, order, ring = _rings(np.where(is_other, second, following).tolist())
    # The first edge of a ring begins at its highest corner, and leads to the right, unless the ring is a hole. Then the
    # pixel at the left is of the class, and the nearest edge at the left of that pixel is of a ring around the hole, or
    # of another hole beside it, which has begun above.
    upward = np.flatnonzero(directions == NORTH)
    left = ring[upward[np.searchsorted(corners[upward], corners[firsts] + width) - 1]].tolist()
    owner: list[int] = []
    for number, is_outer in enumerate((directions[firsts] == EAST).tolist()):
        owner.append(number if is_outer else owner[left[number]])
    points = np.stack([corners % width, corners // width], axis=1) + STEPS[directions] / 2
    return Outlines(points[order], ring[order], np.array(owner))


def _rings(following: list[int]) -> tuple[Array, Array, Array]:
    """Return the first element of each cycle of `following`, a permutation, all elements in order, and their cycles."""
    ring = [-1] * len(following)
    firsts: list[int] = []
    order: list[int] = []
    for first in range(len(following)):
        if ring[first] >= 0:
            continue
        checkpoint()
        element = first
        while ring[element] < 0:
            ring[element] = len(firsts)
            order.append(element)
            element = following[element]
        firsts.append(first)
    return np.array(firsts), np.array(order), np.array(ring)
