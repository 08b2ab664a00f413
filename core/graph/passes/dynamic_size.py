"""The passes that free a graph of the one image size that its constants hold for."""

from typing import Any

import numpy as np

from core.graph.editor import CONVOLUTIONS, GraphEditor, Node, vector
from core.tensorflow import tf
from core.types import Array

# Dilations of the backbone are 2 and 4; those of DeepLab's pyramid pooling are 12, 24 and 36 (Chen et al. 2017).
MAX_DILATION = 4

# What works on each pixel alone, with the same number for each channel as its other operand.
PIXELWISE = ("Mul", "Add", "AddV2", "BiasAdd", "Relu", "Relu6")


def dilate(graph: GraphEditor) -> None:
    """SpaceToBatchND, convolution (VALID), BatchToSpaceND -> one dilated convolution (SAME), up to MAX_DILATION.

    The three together are how TensorFlow 1 wrote a dilated convolution: block_shape is the dilation d, paddings are
    SAME's d (k - 1) / 2 before and after (k the kernel's size) plus what makes the size a multiple of d, and crops
    take that away again. Other paddings or crops are left alone. Since SAME is worked out from the input's size, the
    result works for every size, where the constants worked for one. Over MAX_DILATION oneDNN's depthwise convolution is
    slower than the three together: there they stay, see _compute_padding().
    """
    for gather in graph:
        if gather.op != "BatchToSpaceND":
            continue
        convolution, block, crops = graph.inputs(gather)
        if convolution.op not in CONVOLUTIONS:
            continue
        scatter, kernel = graph.inputs(convolution)
        if scatter.op != "SpaceToBatchND" or convolution.attr["padding"].s != b"VALID":
            continue
        if list(convolution.attr["strides"].list.i) != [1, 1, 1, 1]:
            continue
        source, block_in, paddings = graph.inputs(scatter)
        constants = graph.constants([block, block_in, paddings, crops, kernel])
        if constants is None:
            continue
        dilation, dilation_in, padding, crop, weights = constants
        reach = dilation * (np.array(weights.shape[:2]) - 1)
        before, after = padding[:, 0], padding[:, 1] - crop[:, 1]
        same = (dilation_in, dilation), (before, reach // 2), (after, reach - reach // 2), (crop[:, 0], [0, 0])
        if not all(np.array_equal(found, expected) for found, expected in same):
            continue
        if dilation.max() > MAX_DILATION:
            if not np.any(np.array(weights.shape[:2]) % 2 == 0):
                _compute_padding(graph, scatter, convolution, gather, dilation)
        else:
            dilated = graph.add(
                convolution.op,
                gather.name + "/dilated",
                [source, kernel],
                like=convolution,
                padding="SAME",
                dilations=[1, *map(int, dilation), 1],
            )
            graph.replace(gather, dilated)


def move_batch_to_space_down(graph: GraphEditor) -> None:
    """f(BatchToSpaceND(x)) -> BatchToSpaceND(f(x)), f working on each pixel alone, so that it meets its convolution."""
    waiting = [node for node in graph if node.op == "BatchToSpaceND"]
    while waiting:
        gather = waiting.pop()
        consumers = graph.consumers(gather)
        if len(consumers) != 1 or consumers[0].op not in PIXELWISE:
            continue
        [function] = consumers
        operands = [node for node in graph.inputs(function) if node is not gather]
        if any(vector(graph.constant(operand)) is None for operand in operands):
            continue
        scattered, *sizes = graph.inputs(gather)
        function.input[:] = [scattered.name if name == gather.name else name for name in function.input]
        late = graph.add(gather.op, gather.name + "/late", [function, *sizes], like=gather)
        graph.replace(function, late)
        waiting.append(late)


def absorb_pads(graph: GraphEditor) -> None:
    """Pad by (k - 1) / 2 on each side, strided convolution (VALID) of size k -> the convolution alone (SAME).

    Equal for sizes that are odd, which those on a canvas of 8 n + 1 pixels all are down to the features; for even ones
    SAME pads less in front than behind.
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
        amounts, weights = constants
        around = [[(size - 1) // 2] * 2 for size in weights.shape[:2]]
        if weights.shape[0] % 2 and np.array_equal(amounts, [[0, 0], *around, [0, 0]]):
            convolution.input[0] = source.name
            convolution.attr["padding"].s = b"SAME"


def _compute_padding(graph: GraphEditor, scatter: Node, convolution: Node, gather: Node, dilation: Array) -> None:
    """Let the padding of `scatter` and the crops of `gather` be worked out from the size of what is scattered.

    And leave the padding around the image to `convolution` (SAME): it works on images of every so many-th pixel, at
    whose edges the whole image ends too. At a dilation of 36, on 65 x 65 cells, four fifths of what was scattered were
    zeros. Only for kernels of odd size, whose padding is the same in front and behind.
    """

    def integers(op: str, inputs: list[Node], **attributes: Any) -> Node:
        return graph.add(op, f"{scatter.name}/{op}", inputs, T=tf.int32, **attributes)

    def constant(*values: int) -> Node:
        return graph.add_constant(f"{scatter.name}/constant", np.array(values, np.int32))

    size = spatial_size(graph, graph.inputs(scatter)[0])
    # What is missing to the next multiple of the dilation: -size modulo dilation.
    missing = integers("FloorMod", [integers("Sub", [constant(0, 0), size]), constant(*dilation)])
    around = integers("Pack", [constant(0, 0), missing], N=2, axis=1).name
    scatter.input[2] = gather.input[2] = around
    convolution.attr["padding"].s = b"SAME"


def resize_to_skip_features(graph: GraphEditor) -> None:
    """Resize(x) to a constant size, then concat with y -> resize to the size of y: a decoder's way to finer logits."""
    for resize in graph:
        if resize.op != "ResizeBilinear" or [node.op for node in graph.consumers(resize)] != ["ConcatV2"]:
            continue
        *parts, _axis = graph.inputs(graph.consumers(resize)[0])
        others = [part for part in parts if part.op != "ResizeBilinear"]
        if others and graph.constant(graph.inputs(resize)[1]) is not None:
            resize.input[1] = spatial_size(graph, others[0]).name


def spatial_size(graph: GraphEditor, node: Node) -> Node:
    """Add and return the height and width of the output of `node`, int32 [2]."""
    shape = graph.add("Shape", node.name + "/shape", [node], out_type=tf.int32)
    begin, end, step = (graph.add_constant(node.name + "/slice", np.array([i], np.int32)) for i in (1, 3, 1))
    return graph.add("StridedSlice", node.name + "/size", [shape, begin, end, step], T=tf.int32, Index=tf.int32)
