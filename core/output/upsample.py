"""Labels at the photo's own size, from the logits: finer than the label map enlarged, as they know how sure it is."""

import numpy as np

from core.types import Array, UInt8Array


def enlarged_labels(logits: Array, stride: int, size: tuple[int, int], target: tuple[int, int]) -> UInt8Array:
    """Return the labels, uint8 [height, width] as in `target`, of an image that the model saw with `size`.

    `logits`, float32 [rows, columns, classes], belong to pixels `stride` apart of the image of `size`, height and
    width, from its top left one; `target` is the height and width of the image it was resized from. The label of a
    pixel is the class whose logits, interpolated bilinearly at its centre, are largest. Where the four cells around
    have the same best class it is that; the other pixels, few of them, are worked out a row of cells at a time.
    """
    labels = logits.argmax(axis=-1).astype(np.uint8)
    row, down = _places(size[0], target[0], stride, logits.shape[0])
    column, across = _places(size[1], target[1], stride, logits.shape[1])
    result: UInt8Array = labels[row].take(column, axis=1)
    next_row, next_column = (np.minimum(np.arange(count) + 1, count - 1) for count in labels.shape)
    lower = labels[next_row]
    mixed = (labels != lower) | (labels != labels[:, next_column]) | (labels != lower[:, next_column])
    for cell in np.flatnonzero(mixed.any(axis=1)):
        rows = np.flatnonzero(row == cell)
        columns = np.flatnonzero(mixed[cell][column])
        if not rows.size or not columns.size:
            continue
        pair = logits[[cell, next_row[cell]]]
        classes = _contenders(pair, next_column, mixed[cell])
        top, bottom = pair[0][:, classes].T, pair[1][:, classes].T
        # [classes, rows, columns of cells], then [classes, rows, columns of pixels]
        between = top[:, np.newaxis] + (bottom - top)[:, np.newaxis] * down[rows][:, np.newaxis]
        left = between[..., column[columns]]
        fine = left + (between[..., next_column[column[columns]]] - left) * across[columns]
        result[np.ix_(rows, columns)] = classes[fine.argmax(axis=0)]
    return result


def _places(size: int, target: int, stride: int, cells: int) -> tuple[Array, Array]:
    """Return the cell before each of `target` pixels, and how far it is from there to the next: 0 to 1."""
    centres = (np.arange(target) + 0.5) * (size / target) - 0.5
    places = np.clip(centres, 0, size - 1) / stride
    cell = np.minimum(places.astype(np.intp), cells - 1)
    return cell, (places - cell).astype(np.float32)


def _contenders(pair: Array, next_column: Array, mixed: Array) -> Array:
    """Return the classes that can be the best one somewhere in the `mixed` cells between two rows of logits, uint8.

    A class whose largest logit at the four corners is less than the smallest one of another is nowhere the best.
    """
    corners = np.stack([pair[0], pair[1], pair[0][next_column], pair[1][next_column]])[:, mixed]
    sure = corners.min(axis=0).max(axis=-1, keepdims=True)
    return np.flatnonzero((corners.max(axis=0) >= sure).any(axis=0)).astype(np.uint8)
