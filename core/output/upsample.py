"""Interpolation of logits: label maps at the size of the photo, with smoother edges than an enlarged label map."""

import numpy as np

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
    row, row_fraction = _positions(size[0], target[0], stride, logits.shape[0])
    column, column_fraction = _positions(size[1], target[1], stride, logits.shape[1])
    result: UInt8Array = labels[row].take(column, axis=1)
    next_row, next_column = (np.minimum(np.arange(count) + 1, count - 1) for count in labels.shape)
    below = labels[next_row]
    mixed = (labels != below) | (labels != labels[:, next_column]) | (labels != below[:, next_column])
    for cell_row in np.flatnonzero(mixed.any(axis=1)):
        rows = np.flatnonzero(row == cell_row)
        columns = np.flatnonzero(mixed[cell_row][column])
        if not rows.size or not columns.size:
            continue
        corners = logits[[cell_row, next_row[cell_row]]]
        classes = _candidate_classes(corners, next_column, mixed[cell_row])
        top, bottom = corners[0][:, classes].T, corners[1][:, classes].T
        # [classes, rows, columns of logits], then [classes, rows, columns of pixels]
        vertical = top[:, np.newaxis] + (bottom - top)[:, np.newaxis] * row_fraction[rows][:, np.newaxis]
        left = vertical[..., column[columns]]
        interpolated = left + (vertical[..., next_column[column[columns]]] - left) * column_fraction[columns]
        result[np.ix_(rows, columns)] = classes[interpolated.argmax(axis=0)]
    return result


def _positions(size: int, target: int, stride: int, logits: int) -> tuple[Array, Array]:
    """Return the index of the logit before each of `target` pixels along one axis, and the fraction towards the next.

    `size` is the length of the axis in the model's input, in pixels, and `logits` the number of logits along the axis.
    """
    centres = (np.arange(target) + 0.5) * (size / target) - 0.5
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


def interpolated(values: Array, stride: int, size: tuple[int, int], target: tuple[int, int]) -> Array:
    """Return `values`, float32 [rows, columns, channels], interpolated bilinearly: float32 [height, width, channels].

    The values belong to every `stride`-th pixel of an image at `size`, height and width. The result has the height and
    width `target`.
    """
    vertical, horizontal = (
        _weights(size[axis], length, stride, values.shape[axis]) for axis, length in enumerate(target)
    )
    planes: Array = vertical @ np.ascontiguousarray(values.transpose(2, 0, 1)) @ horizontal.T
    return planes.transpose(1, 2, 0)


def _weights(size: int, target: int, stride: int, count: int) -> Array:
    """Return the weights, float32 [target, count], of bilinear interpolation along one axis; see _positions()."""
    index, fraction = _positions(size, target, stride, count)
    weights = np.zeros((target, count), np.float32)
    rows = np.arange(target)
    weights[rows, index] = 1 - fraction
    weights[rows, np.minimum(index + 1, count - 1)] += fraction
    return weights
