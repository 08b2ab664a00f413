"""The optimized network as one graph for other engines: an image in, its labels and logits out."""

from dataclasses import replace
from typing import Any

import numpy as np

from core.graph.editor import GraphEditor
from core.graph.frozen_graph import Graph
from core.graph.network import Network
from core.graph.optimize import optimize
from core.runtime.canvas import PaddingMeans, count_cells, segment
from core.tensorflow import tf
from core.types import Array, Canvas

# The nodes of the exported graph: uint8 [height, width, 3] in RGB; uint8 [height, width]; float32 [rows, columns,
# classes], at every eighth pixel, or every fourth after a decoder.
INPUT, LABELS, LOGITS = "image", "labels", "logits"


def portable_graph(graph: Graph, canvas: Canvas, size: tuple[int, int] | None = None, *, dilates: bool = False) -> Any:
    """Return the GraphDef of INPUT to LABELS and LOGITS, in float32 and optimized as for the service.

    It takes images of any size, or only of `size`, height and width, with operations that engines for phones have. It
    holds the features of padding, which the service looks up before each inference. With `dilates`, large dilations are
    dilated convolutions. Raises UnknownStructure, as core.graph.optimize.
    """
    network = optimize(graph)
    if dilates:
        nodes = GraphEditor(network.graph_def)
        dilate_all(nodes)
        network = replace(network, graph_def=nodes.graph_def())
    with tf.Graph().as_default() as portable:
        image = tf.compat.v1.placeholder(tf.uint8, [*(size or (None, None)), 3], INPUT)
        padding_mean = _padding_mean(network, image) if canvas == "fit" else tf.zeros([1])
        labels, logits, _ = segment(network, image, padding_mean, tf.constant(0), canvas)
        if size:
            labels = _upsampled(logits, size, network.logits_stride)
        tf.identity(labels, LABELS)
        tf.identity(logits, LOGITS)
    editor = GraphEditor(portable.as_graph_def())
    editor.prune([LABELS, LOGITS])
    return editor.graph_def()


def dilate_all(graph: GraphEditor) -> None:
    """SpaceToBatchND, convolution (SAME), others, BatchToSpaceND -> one dilated convolution (SAME) and the others.

    The passes keep such nodes where the dilation is large, for the sake of oneDNN. Not all engines compute their sizes.
    """
    for space_to_batch in graph:
        if space_to_batch.op != "SpaceToBatchND":
            continue
        source, block, _ = graph.inputs(space_to_batch)
        [convolution] = graph.consumers(space_to_batch)
        dilation = graph.constant(block)
        if dilation is None or convolution.attr["padding"].s != b"SAME":
            continue
        last = convolution
        while last.op != "BatchToSpaceND":
            [last] = graph.consumers(last)
        convolution.input[0] = source.name
        convolution.attr["dilations"].list.i[:] = [1, *map(int, dilation), 1]
        graph.replace(last, graph.inputs(last)[0])


def _padding_mean(network: Network, image: Any) -> Any:
    """Return the mean features of the padding that a fit canvas skips for the tensor `image`; see PaddingMeans."""
    means = PaddingMeans(_features_of_padding(network))
    if image.shape.is_fully_defined():
        return tf.constant(means.mean_outside(*image.shape[:2]))
    last = len(means.table) - 1
    row, column = (tf.minimum(count_cells(pixels) - 1, last) for pixels in tf.unstack(tf.shape(image)[:2]))
    return tf.constant(means.table)[row, column]


def _features_of_padding(network: Network) -> Array:
    """Return the features, float32 [cells, cells, channels], of the whole canvas without an image."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        empty = tf.zeros([0, 0, 3], tf.uint8)
        return np.asarray(
            session.run(segment(network, empty, tf.zeros([1]), tf.constant(count_cells(network.side)), "fit")[2])
        )


def _upsampled(logits: Any, size: tuple[int, int], stride: int) -> Any:
    """Return the labels, uint8 of `size`, of `logits`, as core.runtime.canvas.upsampled_argmax, but of all pixels."""
    height, width = size
    whole = [(count_cells(pixels, stride) - 1) * stride + 1 for pixels in size]
    upsampled = tf.compat.v1.image.resize_bilinear(logits[tf.newaxis], whole, align_corners=True)
    return tf.cast(tf.argmax(upsampled[0, :height, :width], axis=-1, output_type=tf.int32), tf.uint8)
