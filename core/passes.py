"""The passes that make a frozen DeepLab graph faster.

Each pass looks for one shape of nodes and puts an equal one in its place; equal up to the rounding of float32, as the
order of additions and multiplications changes. TensorFlow's own remapper then fuses what the passes line up: a
convolution with its bias, its residual and its activation is one kernel.
"""

from collections.abc import Callable

import numpy as np

from core.rewriter import Node, Rewriter, vector
from core.tensorflow import tf
from core.types import Array

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
ADDITIONS = ("Add", "AddV2", "AddN")
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


def drop_identities(graph: Rewriter) -> None:
    """Identity(x) -> x. Freezing leaves one after each variable, between the passes and the constants they look for."""
    for node in graph:
        if node.op == "Identity":
            graph.replace(node, graph.inputs(node)[0])


def dilate(graph: Rewriter) -> None:
    """SpaceToBatchND, convolution (VALID), BatchToSpaceND -> one dilated convolution (SAME).

    The three together are how TensorFlow 1 wrote a dilated convolution: block_shape is the dilation d, paddings are
    SAME's d (k - 1) / 2 before and after (k the kernel's size) plus what makes the size a multiple of d, and crops
    take that away again. Other paddings or crops are left alone. Since SAME is worked out from the input's size, the
    result works for every size, where the constants worked for one.
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
        source, block_in, paddings = graph.inputs(scatter)
        constants = graph.constants([block, block_in, paddings, crops, kernel])
        if constants is None:
            continue
        dilation, dilation_in, padding, crop, weights = constants
        reach = dilation * (np.array(weights.shape[:2]) - 1)
        before, after = padding[:, 0], padding[:, 1] - crop[:, 1]
        same = (dilation_in, dilation), (before, reach // 2), (after, reach - reach // 2), (crop[:, 0], [0, 0])
        if all(np.array_equal(found, expected) for found, expected in same):
            dilated = graph.add(
                convolution.op,
                gather.name + "/dilated",
                [source, kernel],
                like=convolution,
                padding="SAME",
                dilations=[1, *map(int, dilation), 1],
            )
            graph.replace(gather, dilated)


def unfold_batch_norms(graph: Rewriter) -> None:
    """FusedBatchNorm(x) of constant statistics -> x * scale + offset, which the next passes fold.

    scale = gamma / sqrt(variance + epsilon), offset = beta - mean * scale (Ioffe and Szegedy 2015, algorithm 2).
    """
    for node in graph:
        if node.op not in BATCH_NORMS or node.attr["is_training"].b:
            continue
        x, *parameters = graph.inputs(node)
        constants = graph.constants(parameters)
        if constants is None:
            continue
        gamma, beta, mean, variance = (value.astype(np.float64) for value in constants)
        scale = gamma / np.sqrt(variance + node.attr["epsilon"].f)
        offset = beta - mean * scale
        scaled = graph.add("Mul", node.name + "/scaled", [x, _float_constant(graph, node.name + "/scale", scale)])
        shifted = graph.add("Add", node.name + "/shifted", [scaled, _float_constant(graph, node.name + "/o", offset)])
        graph.replace(node, shifted)


def fold_scales(graph: Rewriter) -> None:
    """Mul(convolution(x, kernel), v), v one number per output channel -> convolution(x, kernel * v)."""
    for node in graph:
        if node.op != "Mul":
            continue
        for convolution, factor in (graph.inputs(node), graph.inputs(node)[::-1]):
            scale = vector(graph.constant(factor))
            if convolution.op not in CONVOLUTIONS or scale is None or len(graph.consumers(convolution)) != 1:
                continue
            kernel = graph.constant(graph.inputs(convolution)[1])
            if kernel is None:
                continue
            # A depthwise kernel is [height, width, channels, multiplier]: its output channels are the last two axes.
            outputs = kernel.shape[2:] if convolution.op == "DepthwiseConv2dNative" else kernel.shape[3:]
            if scale.size == np.prod(outputs):
                folded = graph.add_constant(convolution.name + "/folded", kernel * scale.reshape(outputs))
                convolution.input[1] = folded.name
                graph.replace(node, convolution)


def regroup_additions(graph: Rewriter) -> None:
    """(residual + convolution) + v -> residual + (convolution + v), so that v can become the convolution's bias."""
    for node in graph:
        if node.op not in ADDITIONS or len(node.input) != 2:
            continue
        for inner, constant in (graph.inputs(node), graph.inputs(node)[::-1]):
            if vector(graph.constant(constant)) is None or inner.op not in ADDITIONS or len(inner.input) != 2:
                continue
            if len(graph.consumers(inner)) != 1:
                continue
            for residual, convolution in (graph.inputs(inner), graph.inputs(inner)[::-1]):
                if convolution.op in CONVOLUTIONS and residual.op not in CONVOLUTIONS:
                    biased = graph.add("AddV2", convolution.name + "/biased", [convolution, constant])
                    graph.replace(node, graph.add("AddV2", node.name + "/regrouped", [residual, biased]))
                    break


def add_biases(graph: Rewriter) -> None:
    """Add(convolution, v), v one number per channel -> BiasAdd, the form that TensorFlow's remapper fuses."""
    for node in graph:
        if node.op not in ADDITIONS or len(node.input) != 2:
            continue
        for convolution, constant in (graph.inputs(node), graph.inputs(node)[::-1]):
            bias = vector(graph.constant(constant))
            if convolution.op in CONVOLUTIONS and bias is not None:
                values = graph.add_constant(node.name + "/bias", bias)
                graph.replace(node, graph.add("BiasAdd", node.name + "/biased", [convolution, values]))
                break


def split_image_pooling(graph: Rewriter) -> None:
    """Pointwise(concat(resize(p), f)), p of one pixel -> pointwise(f) + pointwise(p).

    DeepLab resizes the pooled vector to the size of the features and concatenates both. Being the same at every pixel,
    its part of the pointwise convolution is the same too: one vector, worked out once and added as a bias.
    """
    for concat in graph:
        if concat.op != "ConcatV2" or len(graph.consumers(concat)) != 1:
            continue
        *parts, axis = graph.inputs(concat)
        [pointwise] = graph.consumers(concat)
        resized = [part for part in parts if part.op == "ResizeBilinear" and _is_pooled(graph, graph.inputs(part)[0])]
        kernel = pointwise_kernel(graph, pointwise)
        widths = [width for part in parts if (width := _channels(graph, part)) is not None]
        if kernel is None or len(resized) != 1 or len(widths) != len(parts):
            continue
        if [node.op for node in graph.consumers(pointwise)] != ["BiasAdd"]:
            continue
        where = parts.index(resized[0])
        begin = sum(widths[:where])
        pooled_rows = np.arange(begin, begin + widths[where])
        [add_bias] = graph.consumers(pointwise)
        name = concat.name + "/pooled"
        pooled_kernel = graph.add_constant(name + "/kernel", kernel[:, :, pooled_rows])
        pooled = graph.add("Conv2D", name, [graph.inputs(resized[0])[0], pooled_kernel], like=pointwise)
        biased = graph.add("BiasAdd", name + "/biased", [pooled, graph.inputs(add_bias)[1]], like=add_bias)
        shape = graph.add_constant(name + "/shape", np.array([-1], np.int32))
        bias = graph.add("Reshape", name + "/bias", [biased, shape], Tshape=tf.int32)
        rest_kernel = graph.add_constant(name + "/rest", np.delete(kernel, pooled_rows, axis=2))
        rest = [part for part in parts if part is not resized[0]]
        pointwise.input[1] = rest_kernel.name
        add_bias.input[1] = bias.name
        if len(rest) == 1:
            pointwise.input[0] = rest[0].name
        else:
            concat.input[:] = [part.name for part in rest] + [axis.name]
            concat.attr["N"].i = len(rest)


def compose_pointwise(graph: Rewriter) -> None:
    """pointwise B(pointwise A(x)) with nothing between -> one pointwise convolution, where that multiplies less.

    A: k -> m channels and bias a, then B_j: m -> n_j, become B_j A: k -> n_j with bias B_j a, at k n_j multiplications
    a pixel each instead of k m + m n_j. A global average pooling of A(x) becomes A of the pooling of x, as both are
    linear. In DeepLab's MobileNetV2, A is the last projection, B the first convolution of its head.
    """
    for add_bias in graph:
        if add_bias.op != "BiasAdd":
            continue
        first, bias_node = graph.inputs(add_bias)
        kernel, bias = pointwise_kernel(graph, first), graph.constant(bias_node)
        consumers = graph.consumers(add_bias)
        pools = [node for node in consumers if node.op == "AvgPool"]
        seconds = [(node, second) for node in consumers if (second := pointwise_kernel(graph, node)) is not None]
        if kernel is None or bias is None or not seconds or len(seconds) + len(pools) != len(consumers):
            continue
        k, m = kernel.shape[2:]
        n = sum(second.shape[3] for _, second in seconds)
        if len(graph.consumers(first)) != 1 or k * n >= k * m + m * n:
            continue
        [source, kernel_node] = graph.inputs(first)
        for pool in pools:
            pooled = graph.add("AvgPool", pool.name + "/early", [source], like=pool)
            projected = graph.add("Conv2D", pool.name + "/projected", [pooled, kernel_node], like=first)
            graph.replace(pool, graph.add("BiasAdd", pool.name + "/biased", [projected, bias_node], like=add_bias))
        for node, second in seconds:
            composed = np.einsum("km,mn->kn", kernel[0, 0].astype(np.float64), second[0, 0].astype(np.float64))
            shift = bias.astype(np.float64) @ second[0, 0].astype(np.float64)
            node.input[:] = [source.name, _float_constant(graph, node.name + "/composed", composed[None, None]).name]
            for follower in graph.consumers(node):
                if follower.op == "BiasAdd":
                    old = graph.constant(graph.inputs(follower)[1])
                    follower.input[1] = _float_constant(graph, follower.name + "/composed", old + shift).name


def pointwise_kernel(graph: Rewriter, node: Node) -> Array | None:
    """Return the kernel, [1, 1, in, out], of a 1 x 1 convolution without a stride, or None where `node` isn't one."""
    if node.op != "Conv2D" or list(node.attr["strides"].list.i) != [1, 1, 1, 1]:
        return None
    kernel = graph.constant(graph.inputs(node)[1])
    return kernel if kernel is not None and kernel.shape[:2] == (1, 1) else None


def _is_pooled(graph: Rewriter, node: Node) -> bool:
    """Whether `node` is an AvgPool, or made of one by operations that keep its single pixel."""
    while node.op in ("Conv2D", "BiasAdd", "Relu", "Relu6"):
        node = graph.inputs(node)[0]
    return bool(node.op == "AvgPool")


def _channels(graph: Rewriter, node: Node) -> int | None:
    """Return the number of channels that `node` puts out, or None where it can't be told."""
    while node.op in ("BiasAdd", "Relu", "Relu6", "ResizeBilinear", "AvgPool"):
        node = graph.inputs(node)[0]
    if node.op == "Conv2D" and (kernel := graph.constant(graph.inputs(node)[1])) is not None:
        return int(kernel.shape[3])
    return None


def _float_constant(graph: Rewriter, name: str, value: Array) -> Node:
    return graph.add_constant(name, value.astype(np.float32))


PASSES: tuple[Callable[[Rewriter], None], ...] = (
    drop_identities,
    dilate,
    unfold_batch_norms,
    fold_scales,
    regroup_additions,
    add_biases,
    split_image_pooling,
    compose_pointwise,
)
