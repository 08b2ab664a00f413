"""The TensorFlow operations around the network: image to canvas, image pooling, and logits to labels."""

from typing import Any, TypeAlias

import numpy as np

from core.graph.network import OUTPUT_STRIDE, Network
from core.tensorflow import tf
from core.types import Array, Canvas

Tensor: TypeAlias = Any  # TensorFlow has no types

# Corrections for the padding that a fit canvas skips, in cells of the features; both were chosen by the mean IoU on
# PASCAL VOC's photos. The image influences the features of the padding next to it as if it had LEAK more rows and
# columns. With MARGIN rows and columns of real padding, the dilation of the last convolutions, the labels at the right
# and bottom edges of the image are those of the fixed canvas.
LEAK = 6
MARGIN = 4
# Channels whose padding is summed up at a time: in one piece, those of the full model take 200 MB.
PADDING_CHANNELS = 128


def segment(
    network: Network, image: Tensor, padding_mean: Tensor, min_cells: Tensor, mode: Canvas
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the labels, the logits and the corner features of `image`, uint8 [height, width, 3].

    The labels are uint8 [height, width], the logits float32 [rows, columns, classes]. The corner features, float32
    [min_cells, min_cells, channels], are those of the top left cells. `padding_mean` is described in image_pooling();
    the canvas of `mode` has at least `min_cells` rows and columns of cells.
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    rows, columns = (tf.maximum(cells, min_cells) for cells in canvas_cells(height, width, network.side, mode))
    features, *skip_inputs = network.features_of(place_on_canvas(image, rows, columns, network))
    corner_features = in_real_units(features[0, :min_cells, :min_cells], network)
    pooled = image_pooling(features, padding_mean, network, mode)
    if network.pointwise_head:  # the logits of the padding are not needed
        features = features[:, : count_cells(height), : count_cells(width)]
    logits = network.logits_of([features, *skip_inputs], pooled)
    stride = network.logits_stride
    logits = logits[:, : count_cells(height, stride), : count_cells(width, stride)]
    return upsampled_argmax(logits, stride)[:height, :width], logits[0], corner_features


def count_cells(pixels: Tensor, stride: int = OUTPUT_STRIDE) -> Tensor:
    """Return how many cells cover `pixels` pixels: one every `stride` pixels, the last at or after the last pixel."""
    return (pixels + stride - 2) // stride + 1


def canvas_cells(height: Tensor, width: Tensor, side: int, mode: Canvas) -> tuple[Tensor, Tensor]:
    """Return the rows and columns of cells of the canvas for an image of `height` x `width` pixels.

    "fixed": the square of `side` pixels that the graph was exported for, or for a larger image the smallest square
    that holds it. "fit": the image, with a margin if its longer side is between half the square and the square. The
    margin gains 0.9 points of mean IoU at 333 pixels, but only 0.2 at 257, where it would cost a third of the speed.
    """
    rows, columns, square = count_cells(height), count_cells(width), count_cells(side)
    longest = tf.maximum(rows, columns)
    if mode == "fixed":
        longest = tf.maximum(longest, square)
        return longest, longest
    margin = tf.where((longest < square) & (2 * longest > square + 1), MARGIN, 0)
    rows, columns = (tf.maximum(cells, tf.minimum(cells + margin, square)) for cells in (rows, columns))
    return rows, columns


def place_on_canvas(image: Tensor, rows: Tensor, columns: Tensor, network: Network) -> Tensor:
    """Return `image`, uint8 [height, width, 3], scaled, in the top left corner of a canvas of `rows` x `columns` cells.

    The canvas is float32 [1, 8 (rows - 1) + 1, 8 (columns - 1) + 1, 3]. That of an integer network is uint8, not
    scaled, and larger by the border of the network.
    """
    height, width = ((count - 1) * OUTPUT_STRIDE + 1 for count in (rows, columns))
    if network.feature_steps is None:
        pixels = tf.cast(image, tf.float32) * np.float32(network.scale) + np.float32(network.offset)
        padding = tf.constant(network.padding, tf.float32)
    else:
        pixels, padding = image, tf.constant(int(network.padding), tf.uint8)
    size, border = tf.shape(image), network.border
    missing = [[border, height - size[0] + border], [border, width - size[1] + border], [0, 0]]
    return tf.pad(pixels, missing, constant_values=padding)[tf.newaxis]


def in_real_units(features: Tensor, network: Network) -> Tensor:
    """Return `features`, [..., channels], of `network` as float32, whether they are integers or not."""
    if network.feature_steps is None:
        return features
    return tf.cast(features, tf.float32) * network.feature_steps


def image_pooling(features: Tensor, padding_mean: Tensor, network: Network, mode: Canvas) -> Tensor:
    """Return the image pooling, float32 [1, 1, 1, channels], of `features`, [1, rows, columns, channels], of `network`.

    On a fixed canvas it is the mean of the features. On a fit canvas the mean is completed with the features of the
    skipped padding, because the network was trained on padded squares of `side` pixels and is much worse with the mean
    of an image alone. `padding_mean`, float32 [channels], is the mean of the features of that padding.
    """
    rows, columns = tf.unstack(tf.shape(features)[1:3])
    if network.sums:
        total = tf.reduce_sum(network.sums_of(features), [1, 2])
    else:
        # Each row by a product with ones, because tf.reduce_sum alone takes more than twice the time. One product over
        # all cells would have other roundings with several CPU threads than with one.
        total = tf.reduce_sum(tf.matmul(tf.ones([rows, 1, columns]), tf.cast(features[0], tf.float32)), axis=0)
    mean = tf.cast(total, tf.float32) / tf.cast(rows * columns, tf.float32)
    if network.feature_steps is not None:
        mean *= network.feature_steps
    if mode == "fit":
        square = count_cells(network.side)
        leak = LEAK * (tf.where(columns < square, rows, 0) + tf.where(rows < square, columns, 0))
        fixed_area = tf.maximum(rows, square) * tf.maximum(columns, square)
        weight = tf.cast(tf.minimum(rows * columns + leak, fixed_area) / fixed_area, tf.float32)
        mean = padding_mean + weight * (mean - padding_mean)
    return mean[:, tf.newaxis, tf.newaxis]


class PaddingMeans:
    """The mean features of the padding that a fit canvas skips, for every image size.

    `features`, float32 [cells, cells, channels], are those of the whole fixed canvas without an image. `table` has the
    same shape: the means for an image of so many rows and columns of cells.
    """

    def __init__(self, features: Array) -> None:
        side = np.arange(1, len(features) + 1)
        skipped = np.maximum(features.shape[0] * features.shape[1] - side[:, np.newaxis] * side, 1)[..., np.newaxis]
        self.table: Array = np.empty_like(features)
        for begin in range(0, features.shape[-1], PADDING_CHANNELS):
            channels = slice(begin, begin + PADDING_CHANNELS)
            # Sums over all rectangles from the top left corner, in double precision: they have thousands of terms.
            sums = features[..., channels].cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
            self.table[..., channels] = (sums[-1, -1] - sums) / skipped

    def mean_outside(self, height: int, width: int) -> Array:
        """Return the mean, float32 [channels], over the cells outside an image of `height` x `width` pixels."""
        last = len(self.table) - 1
        row, column = (min(int(count_cells(pixels)) - 1, last) for pixels in (height, width))
        mean: Array = self.table[row, column]
        return mean


def upsampled_argmax(logits: Tensor, stride: int) -> Tensor:
    """Return the label of each pixel, uint8 [rows * stride, columns * stride], without upsampling all logits.

    `logits`, float32 [1, rows, columns, classes], are `stride` pixels apart. The label of a pixel is the class with the
    largest logit after bilinear upsampling with aligned corners. Each upsampled logit is a weighted mean of the four
    cells around it. If these have the same best class, it is also the best class of every pixel between them. Only the
    other blocks of pixels, about one in ten, are upsampled.
    """
    cells = tf.pad(logits[0], [[0, 1], [0, 1], [0, 0]], mode="SYMMETRIC")
    best = tf.argmax(cells, axis=-1, output_type=tf.int32)
    corner = best[:-1, :-1]
    others = (best[:-1, 1:], best[1:, :-1], best[1:, 1:])
    mixed = tf.where(tf.reduce_any([tf.not_equal(corner, other) for other in others], axis=0))
    top_left, top_right, bottom_left, bottom_right = (
        tf.gather_nd(cells, mixed + tf.constant(step, tf.int64)) for step in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    # TensorFlow's ResizeBilinear computes in this order; another order would give other roundings.
    fraction = tf.range(stride, dtype=tf.float32) / stride
    across = fraction[:, tf.newaxis]
    top = top_left[:, tf.newaxis] + (top_right - top_left)[:, tf.newaxis] * across
    bottom = bottom_left[:, tf.newaxis] + (bottom_right - bottom_left)[:, tf.newaxis] * across
    down = fraction[:, tf.newaxis, tf.newaxis]
    upsampled = top[:, tf.newaxis] + (bottom - top)[:, tf.newaxis] * down
    # The axes are [row, pixel row, column, pixel column], so that a reshape gives the label map. The order [row,
    # column, ...] would need a transposition, which oneDNN does not support for integers and logs as an error.
    blocks = tf.tile(tf.cast(corner, tf.uint8)[:, tf.newaxis, :, tf.newaxis], [1, stride, 1, stride])
    mixed_labels = tf.cast(tf.argmax(upsampled, axis=-1, output_type=tf.int32), tf.uint8)
    row, column = (index[:, tf.newaxis] for index in tf.unstack(mixed, axis=1))
    pixel_row = tf.range(stride, dtype=tf.int64) + tf.zeros_like(row)
    indices = tf.stack([row + tf.zeros_like(pixel_row), pixel_row, column + tf.zeros_like(pixel_row)], axis=-1)
    blocks = tf.tensor_scatter_nd_update(blocks, indices, mixed_labels)
    rows, columns = tf.unstack(tf.shape(corner))
    return tf.reshape(blocks, [rows * stride, columns * stride])
