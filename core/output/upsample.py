"""Interpolation of logits: label maps at the size of the photo, with smoother edges than an enlarged label map."""

import numpy as np

from core.output.tiles import PIXELS, blocks, pieces
from core.types import Array, UInt8Array


def upsampled_labels(logits: Array, stride: int, size: tuple[int, int], target: tuple[int, int]) -> UInt8Array:
    """Return the label map, uint8 [height, width], of an image at the height and width `target`.

    `logits` are float32 [rows, columns, classes]. They belong to every `stride`-th pixel, from the top left one, of the
    image at `size`, the height and width of the model's input. The label of a pixel is the class with the largest
    logit, interpolated bilinearly at the centre of the pixel.

    A cell is the area between four neighbouring logits. If they have the same best class, so have all pixels of the
    cell. Only the pixels of the other cells, which are few, are interpolated, one row of cells at a time.
    """
    labels = logits.argmax(axis=-1).astype(np.uint8)
    next_row, next_column = (np.minimum(np.arange(count) + 1, count - 1) for count in labels.shape)
    below = labels[next_row]
    mixed = (labels != below) | (labels != labels[:, next_column]) | (labels != below[:, next_column])
    result = np.empty(target, np.uint8)
    for block in blocks(*target):
        (row, down), (column, across) = (
            _positions(size[axis], target[axis], stride, labels.shape[axis], block[axis]) for axis in (0, 1)
        )
        part = result[block]
        labels[row].take(column, axis=1, out=part, mode="clip")
        for cell_row in np.flatnonzero(mixed.any(axis=1)):
            rows = np.flatnonzero(row == cell_row)
            columns = np.flatnonzero(mixed[cell_row][column])
            if not rows.size or not columns.size:
                continue
            corners = logits[[cell_row, next_row[cell_row]]]
            classes = _candidate_classes(corners, next_column, mixed[cell_row])
            top, bottom = corners[0][:, classes].T, corners[1][:, classes].T
            # [classes, rows, columns of logits], then [classes, rows, columns of pixels]
            vertical = top[:, np.newaxis] + (bottom - top)[:, np.newaxis] * down[rows][:, np.newaxis]
            for some in pieces(0, columns.size, PIXELS // rows.size):
                left = vertical[..., column[columns[some]]]
                right = vertical[..., next_column[column[columns[some]]]]
                interpolated = left + (right - left) * across[columns[some]]
                part[np.ix_(rows, columns[some])] = classes[interpolated.argmax(axis=0)]
    return result


def _positions(size: int, target: int, stride: int, logits: int, part: slice) -> tuple[Array, Array]:
    """Return the index of the logit before each pixel of one axis, and the fraction towards the next logit.

    The pixels are `part` of `target` pixels. `size` is the length of the axis in the model's input, in pixels, and
    `logits` the number of logits along the axis.
    """
    centres = (np.arange(part.start, part.stop) + 0.5) * (size / target) - 0.5
    positions = np.clip(centres, 0, size - 1) / stride
    index = np.minimum(positions.astype(np.intp), logits - 1)
    return index, (positions - index).astype(np.float32)


def _candidate_classes(corners: Array, next_column: Array, mixed: Array) -> Array:
    """Return the classes, uint8, that can be the best one in the `mixed` cells between two rows of logits.

    `corners` are the two rows, float32 [2, columns, classes]. A class can't be the best one in a cell if its largest
    logit at the four corners is less than the smallest logit of another class.
    """
    cells = np.stack([corners[0], corners[1], corners[0][next_column], corners[1][next_column]])[:, mixed]
    threshold = cells.min(axis=0).max(axis=-1, keepdims=True)
    return np.flatnonzero((cells.max(axis=0) >= threshold).any(axis=0)).astype(np.uint8)


def interpolated(values: Array, stride: int, size: tuple[int, ...], target: tuple[int, int], *, step: int = 1) -> Array:
    """Return `values`, float32 [rows, columns, channels], interpolated bilinearly: float32 [height, width, channels].

    The values belong to every `stride`-th pixel of an image at `size`, height and width. The result has the height and
    width `target`, or every `step`-th of their pixels, from the top left one.
    """
    vertical, horizontal = (
        _weights(size[axis], length, stride, values.shape[axis])[::step] for axis, length in enumerate(target)
    )
    planes: Array = vertical @ np.ascontiguousarray(values.transpose(2, 0, 1)) @ horizontal.T
    return planes.transpose(1, 2, 0)


def _weights(size: int, target: int, stride: int, count: int) -> Array:
    """Return the weights, float32 [target, count], of bilinear interpolation along one axis; see _positions()."""
    index, fraction = _positions(size, target, stride, count, slice(0, target))
    weights = np.zeros((target, count), np.float32)
    rows = np.arange(target)
    weights[rows, index] = 1 - fraction
    weights[rows, np.minimum(index + 1, count - 1)] += fraction
    return weights
