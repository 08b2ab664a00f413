"""The area of each class in a label map, with COCO's compressed run-length encoding."""

from dataclasses import dataclass

import numpy as np

from core.types import Array, UInt8Array


@dataclass(frozen=True, slots=True)
class Area:
    """The pixels of one class: their number, bounding box [x, y, width, height] and compressed run-length encoding.

    `counts` encodes the lengths of alternating runs of other pixels and of the class's pixels, in column-major order,
    in the form of COCO's API (see compressed()).
    """

    class_id: int
    pixels: int
    bbox: tuple[int, int, int, int]
    counts: bytes


def areas(seg_map: UInt8Array) -> list[Area]:
    """Return the areas of the classes in `seg_map`, uint8 [height, width], largest first, without background."""
    height = seg_map.shape[0]
    columns = seg_map.ravel(order="F")
    changes = np.flatnonzero(columns[1:] != columns[:-1]) + 1
    starts, ends = np.append(0, changes), np.append(changes, columns.size)
    classes = columns[starts]
    found = []
    for class_ in np.unique(classes[classes != 0]):
        begin, end = starts[classes == class_], ends[classes == class_]
        left, top = np.divmod(begin, height)
        right, bottom = np.divmod(end - 1, height)
        # A run that continues in the next column covers the last row and the first row.
        within = left == right
        x, y = int(left.min()), int(np.where(within, top, 0).min())
        bbox = (x, y, int(right.max()) + 1 - x, int(np.where(within, bottom, height - 1).max()) + 1 - y)
        bounds = np.stack([begin, end], axis=1).ravel()
        if end[-1] < columns.size:
            bounds = np.append(bounds, columns.size)
        counts = compressed(np.diff(bounds, prepend=0))
        found.append(Area(int(class_), int((end - begin).sum()), bbox, counts))
    return sorted(found, key=lambda area: (-area.pixels, area.class_id))


def compressed(counts: Array) -> bytes:
    """Return run lengths, integers [runs], in the compressed form of COCO's API (rleToString in maskApi.c).

    From index 3 on, a count is replaced by its difference to the count two positions before. Each number is split into
    groups of five bits, lowest first, with a sixth bit set if another group follows. A group is one character: its
    value plus 48.
    """
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    groups, present, unfinished = [], [], np.ones(values.shape, bool)
    while unfinished.any():
        group = values & 0x1F
        values >>= 5
        present.append(unfinished)
        # A number ends at the group after which the remaining bits are all sign bits.
        unfinished = unfinished & (values != np.where(group & 0x10, -1, 0))
        groups.append(group + np.where(unfinished, 0x20, 0) + 48)
    characters: UInt8Array = np.stack(groups, axis=1)[np.stack(present, axis=1)].astype(np.uint8)
    return characters.tobytes()
