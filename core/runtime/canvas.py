"""The edges of the network, as TensorFlow operations: an image onto a canvas, image pooling, logits to labels."""

from typing import Any, TypeAlias

import numpy as np

from core.graph.network import OUTPUT_STRIDE, Network
from core.tensorflow import tf
from core.types import Array, Canvas

Tensor: TypeAlias = Any  # TensorFlow has no types

# How a fit canvas makes up for the padding that it leaves out, in cells of the features; both were chosen by the mean
# IoU on PASCAL VOC's photos. An image shows in the padding beside it as much as LEAK more rows and columns of it would,
# and with MARGIN rows and columns of real padding, as many as the last convolutions are dilated by, the labels at its
# right and bottom edges come out as on the fixed canvas.
LEAK = 6
MARGIN = 4


def segment(
    network: Network, image: Tensor, outside: Tensor, least: Tensor, mode: Canvas
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the network makes of `image`, uint8 [height, width, 3], computed on a canvas of `mode`.

    `outside` is what pooled() needs of the padding that a fit canvas leaves out. The canvas has at least `least` rows
    and columns of cells. The results are the labels, uint8 [height, width]; the logits they are of, float32 [rows,
    columns, classes]; and features, float32 [least, least, channels].
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    rows, columns = (tf.maximum(cells, least) for cells in canvas_cells(height, width, network.side, mode))
    features, *others = network.features_of(on_canvas(image, rows, columns, network))
    asked_for = features[0, :least, :least]
    pooling = pooled(features, outside, network.side, mode)
    if network.pointwise_head:
        features = features[:, : cells(height), : cells(width)]
    logits = network.logits_of([features, *others], pooling)
    stride = network.logits_stride
    shown = logits[:, : cells(height, stride), : cells(width, stride)]
    return labels(shown, stride)[:height, :width], shown[0], asked_for


def cells(pixels: Tensor, stride: int = OUTPUT_STRIDE) -> Tensor:
    """Return how many cells cover so many pixels: one every `stride`, the last at or after the last pixel."""
    return (pixels + stride - 2) // stride + 1


def canvas_cells(height: Tensor, width: Tensor, side: int, mode: Canvas) -> tuple[Tensor, Tensor]:
    """Return the rows and columns of cells of the canvas for an image of `height` x `width` pixels.

    Fixed: the square of `side` pixels, or for a larger image the smallest that holds it. Fit: the image, with a margin
    if it is smaller than the square but not by half: the margin gains 0.9 points of mean IoU at 333 pixels, but only
    0.2 at 257, where it would cost a third of the speed that the small size is chosen for.
    """
    rows, columns, whole = cells(height), cells(width), cells(side)
    longest = tf.maximum(rows, columns)
    if mode == "fixed":
        longest = tf.maximum(longest, whole)
        return longest, longest
    margin = tf.where((longest < whole) & (2 * longest > whole + 1), MARGIN, 0)
    return tf.maximum(rows, tf.minimum(rows + margin, whole)), tf.maximum(columns, tf.minimum(columns + margin, whole))


def on_canvas(image: Tensor, rows: Tensor, columns: Tensor, network: Network) -> Tensor:
    """Return the canvas of `rows` x `columns` cells, float32, with `image`, uint8 [h, w, 3], in its top left corner."""
    height, width = ((count - 1) * OUTPUT_STRIDE + 1 for count in (rows, columns))
    scaled = tf.cast(image, tf.float32) * np.float32(network.scale) + np.float32(network.offset)
    size = tf.shape(image)
    missing = [[0, height - size[0]], [0, width - size[1]], [0, 0]]
    canvas = tf.pad(scaled, missing, constant_values=np.float32(network.padding))
    return canvas[tf.newaxis]


def pooled(features: Tensor, outside: Tensor, side: int, mode: Canvas) -> Tensor:
    """Return the image pooling, float32 [1, 1, 1, channels], of `features`, [1, rows, columns, channels].

    On a fixed canvas it is their mean. The network was trained on squares of `side` pixels, padded where an image
    ends, and is much worse with the mean of an image alone: on a fit canvas it has to be completed with the features
    of the padding left out, whose mean is `outside`, float32 [channels].
    """
    rows, columns = tf.unstack(tf.shape(features)[1:3])
    # As a product with a row of ones: tf.reduce_mean takes twice the time.
    mean = tf.matmul(tf.ones([1, rows * columns]), tf.reshape(features, [-1, features.shape[-1]]))
    mean /= tf.cast(rows * columns, tf.float32)
    if mode == "fit":
        whole = cells(side)
        leak = LEAK * (tf.where(columns < whole, rows, 0) + tf.where(rows < whole, columns, 0))
        everything = tf.maximum(rows, whole) * tf.maximum(columns, whole)
        weight = tf.cast(tf.minimum(rows * columns + leak, everything) / everything, tf.float32)
        mean = outside + weight * (mean - outside)
    return mean[:, tf.newaxis, tf.newaxis]


class Padding:
    """The mean features of the padding around an image, looked up by the image's size in cells.

    `features`, float32 [cells, cells, channels], are those of a whole canvas of padding.
    """

    def __init__(self, features: Array) -> None:
        # Sums over all rectangles from the top left corner, in double precision: there are thousands of terms.
        sums = features.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
        side = np.arange(1, len(features) + 1)
        left_out = features.shape[0] * features.shape[1] - side[:, np.newaxis] * side
        self._means = ((sums[-1, -1] - sums) / np.maximum(left_out, 1)[..., np.newaxis]).astype(np.float32)

    def outside(self, height: int, width: int) -> Array:
        """Return the mean, float32 [channels], over the cells that an image of `height` x `width` pixels leaves."""
        last = len(self._means) - 1
        row, column = (min(int(cells(pixels)) - 1, last) for pixels in (height, width))
        mean: Array = self._means[row, column]
        return mean


def labels(logits: Tensor, stride: int) -> Tensor:
    """Return the label of every pixel, uint8, from `logits`, float32 [1, rows, columns, classes], `stride` apart.

    The label is the class whose logits, enlarged bilinearly with corners aligned, are largest. Where the four cells
    around a block of pixels have the same best class, so have all pixels between them, since each is a weighted
    mean of the four. So only the other blocks, about one in ten, are enlarged.
    """
    cells = tf.pad(logits[0], [[0, 1], [0, 1], [0, 0]], mode="SYMMETRIC")
    best = tf.argmax(cells, axis=-1, output_type=tf.int32)
    corner = best[:-1, :-1]
    others = (best[:-1, 1:], best[1:, :-1], best[1:, 1:])
    mixed = tf.where(tf.reduce_any([tf.not_equal(corner, other) for other in others], axis=0))
    top_left, top_right, bottom_left, bottom_right = (
        tf.gather_nd(cells, mixed + tf.constant(step, tf.int64)) for step in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    # In the order of operations of TensorFlow's ResizeBilinear, to get its very results.
    fraction = tf.range(stride, dtype=tf.float32) / stride
    across = fraction[:, tf.newaxis]
    top = top_left[:, tf.newaxis] + (top_right - top_left)[:, tf.newaxis] * across
    bottom = bottom_left[:, tf.newaxis] + (bottom_right - bottom_left)[:, tf.newaxis] * across
    down = fraction[:, tf.newaxis, tf.newaxis]
    enlarged = top[:, tf.newaxis] + (bottom - top)[:, tf.newaxis] * down
    # Blocks as [rows, pixel's row, columns, pixel's column], which is the map itself. Gathered as [rows, columns, ...]
    # they would have to be transposed, which oneDNN does not do to integers, and logs as an error.
    blocks = tf.tile(tf.cast(corner, tf.uint8)[:, tf.newaxis, :, tf.newaxis], [1, stride, 1, stride])
    in_mixed = tf.cast(tf.argmax(enlarged, axis=-1, output_type=tf.int32), tf.uint8)
    row, column = (index[:, tf.newaxis] for index in tf.unstack(mixed, axis=1))
    lines = tf.range(stride, dtype=tf.int64) + tf.zeros_like(row)
    where = tf.stack([row + tf.zeros_like(lines), lines, column + tf.zeros_like(lines)], axis=-1)
    blocks = tf.tensor_scatter_nd_update(blocks, where, in_mixed)
    rows, columns = tf.unstack(tf.shape(corner))
    return tf.reshape(blocks, [rows * stride, columns * stride])
