"""Passes that make the graph work for any input size."""

from typing import Any

import numpy as np

from core.graph.editor import CONVOLUTIONS, GraphEditor, Node, channel_vector
from core.tensorflow import tf
from core.types import Array

# Dilations of the backbone are 2 and 4; those of DeepLab's pyramid pooling are 12, 24 and 36 (Chen et al. 2017,
# arXiv:1706.05587).
MAX_DILATION = 4

# Operations that compute each pixel by itself; a second operand must hold one number per channel.
PIXELWISE = ("Mul", "Add", "AddV2", "BiasAdd", "Relu", "Relu6")


def dilate(graph: GraphEditor) -> None:
    """SpaceToBatchND, convolution (VALID), BatchToSpaceND -> one dilated convolution (SAME).

    TensorFlow 1 wrote a dilated convolution as these three nodes. Their block_shape is the dilation d. For a kernel of
    size k, the paddings are those of SAME, d (k - 1) split between both sides, plus the pixels that complete a multiple
    of d; the crops remove these again. Nodes with other paddings or crops are left unchanged.

    SAME is computed from the input size, so the result works for every size; the constants work for one. Above
    MAX_DILATION the three nodes stay, because oneDNN's dilated depthwise convolution is slower there; only their sizes
    are computed, see _compute_padding().
    """
    for batch_to_space in graph:
        if batch_to_space.op != "BatchToSpaceND":
            continue
        convolution, block, crops = graph.inputs(batch_to_space)
        if convolution.op not in CONVOLUTIONS:
            continue
        space_to_batch, kernel = graph.inputs(convolution)
        if space_to_batch.op != "SpaceToBatchND" or convolution.attr["padding"].s != b"VALID":
            continue
        if list(convolution.attr["strides"].list.i) != [1, 1, 1, 1]:
            continue
        source, block_in, paddings = graph.inputs(space_to_batch)
        constants = graph.constants([block, block_in, paddings, crops, kernel])
        if constants is None:
            continue
        dilation, dilation_in, padding, crop, weights = constants
        kernel_size = np.array(weights.shape[:2])
        total = dilation * (kernel_size - 1)
        before, after = padding[:, 0], padding[:, 1] - crop[:, 1]
        same = (dilation_in, dilation), (before, total // 2), (after, total - total // 2), (crop[:, 0], [0, 0])
        if not all(np.array_equal(actual, expected) for actual, expected in same):
            continue
        if dilation.max() <= MAX_DILATION:
            dilated = graph.add(
                convolution.op,
                batch_to_space.name + "/dilated",
                [source, kernel],
                like=convolution,
                padding="SAME",
                dilations=[1, *map(int, dilation), 1],
            )
            graph.replace(batch_to_space, dilated)
        elif np.all(kernel_size % 2 == 1):
            _compute_padding(graph, space_to_batch, convolution, batch_to_space, dilation)


def move_batch_to_space_down(graph: GraphEditor) -> None:
    """f(BatchToSpaceND(x)) -> BatchToSpaceND(f(x)), f one of PIXELWISE.

    Equal because BatchToSpaceND only moves and crops pixels. f then follows its convolution, so that the next passes
    can fold it.
    """
    pending = [node for node in graph if node.op == "BatchToSpaceND"]
    while pending:
        batch_to_space = pending.pop()
        consumers = graph.consumers(batch_to_space)
        if len(consumers) != 1 or consumers[0].op not in PIXELWISE:
            continue
        [function] = consumers
        operands = [node for node in graph.inputs(function) if node is not batch_to_space]
        if any(channel_vector(graph.constant(operand)) is None for operand in operands):
            continue
        x, *block_and_crops = graph.inputs(batch_to_space)
        function.input[:] = [x.name if name == batch_to_space.name else name for name in function.input]
        moved = graph.add("BatchToSpaceND", function.name + "/moved", [function, *block_and_crops], like=batch_to_space)
        graph.replace(function, moved)
        pending.append(moved)


def absorb_pads(graph: GraphEditor) -> None:
    """Pad by (k - 1) / 2 on each side, convolution of size k and stride 2 (VALID) -> the convolution alone (SAME).

    Equal for odd input sizes; for even ones SAME pads one pixel less on the left and top. On a canvas of 8 n + 1
    pixels the input of every strided convolution has an odd size. It saves a copy of the input.
    """
    for convolution in graph:
        if convolution.op not in CONVOLUTIONS or convolution.attr["padding"].s != b"VALID":
            continue
        pad, kernel = graph.inputs(convolution)
        if pad.op != "Pad" or list(convolution.attr["strides"].list.i) != [1, 2, 2, 1]:
            continue
        source, paddings = graph.inputs(pad)
        constants = graph.constants([paddings, kernel])
        if constants is None:
            continue
        padding, weights = constants
        same = [[(size - 1) // 2] * 2 for size in weights.shape[:2]]
        if weights.shape[0] % 2 and np.array_equal(padding, [[0, 0], *same, [0, 0]]):
            convolution.input[0] = source.name
            convolution.attr["padding"].s = b"SAME"


def resize_to_skip_features(graph: GraphEditor) -> None:
    """Concat(resize(x, constant size), y) -> concat(resize(x, size of y), y).

    The decoder of DeepLabV3+ upsamples the features like this to those of an earlier layer, y (Chen et al. 2018,
    arXiv:1802.02611).
    """
    for resize in graph:
        if resize.op != "ResizeBilinear" or [node.op for node in graph.consumers(resize)] != ["ConcatV2"]:
            continue
        *parts, _axis = graph.inputs(graph.consumers(resize)[0])
        skip_features = [part for part in parts if part.op != "ResizeBilinear"]
        if skip_features and graph.constant(graph.inputs(resize)[1]) is not None:
            resize.input[1] = _add_size(graph, skip_features[0]).name


def _compute_padding(
    graph: GraphEditor, space_to_batch: Node, convolution: Node, batch_to_space: Node, dilation: Array
) -> None:
    """Compute the paddings of `space_to_batch` and the crops of `batch_to_space` from the input size.

    The paddings keep only the pixels that complete a multiple of the dilation. The padding around the image becomes
    that of `convolution` (SAME): it runs on images of every d-th pixel, whose borders are those of the whole image. At
    a dilation of 36 and 65 x 65 cells, four fifths of the input of the convolution were zeros before. This holds for
    odd kernel sizes, whose SAME padding is equal on both sides.
    """

    def integers(op: str, inputs: list[Node], **attributes: Any) -> Node:
        return graph.add(op, f"{space_to_batch.name}/{op}", inputs, T=tf.int32, **attributes)

    def constant(*values: int) -> Node:
        return graph.add_constant(f"{space_to_batch.name}/constant", np.array(values, np.int32))

    size = _add_size(graph, graph.inputs(space_to_batch)[0])
    # The number of pixels up to the next multiple of the dilation is -size modulo dilation.
    missing = integers("FloorMod", [integers("Sub", [constant(0, 0), size]), constant(*dilation)])
    after = integers("Pack", [constant(0, 0), missing], N=2, axis=1).name
    space_to_batch.input[2] = batch_to_space.input[2] = after
    convolution.attr["padding"].s = b"SAME"


def _add_size(graph: GraphEditor, node: Node) -> Node:
    """Add and return a node that computes the height and width of the output of `node`, int32 [2]."""
    shape = graph.add("Shape", node.name + "/shape", [node], out_type=tf.int32)
    begin, end, step = (graph.add_constant(node.name + "/slice", np.array([i], np.int32)) for i in (1, 3, 1))
    return graph.add("StridedSlice", node.name + "/size", [shape, begin, end, step], T=tf.int32, Index=tf.int32)
