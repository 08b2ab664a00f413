"""Passes that save multiplications and additions at pointwise (1 x 1) convolutions."""

from collections.abc import Iterator

import numpy as np

from core.graph.editor import GraphEditor, Node
from core.tensorflow import tf
from core.types import Array


def split_image_pooling(graph: GraphEditor) -> None:
    """pointwise(concat(resize(p), f)), p of one pixel -> pointwise(f) + pointwise(p).

    Equal because a pointwise convolution of a concatenation is the sum of the convolutions of its parts. DeepLab
    resizes the pooled vector p to the size of the features f, so its part of the sum is the same at every pixel. The
    replacement computes it once and adds it as a bias.
    """
    for concat in graph:
        if concat.op != "ConcatV2" or len(graph.consumers(concat)) != 1:
            continue
        *parts, axis = graph.inputs(concat)
        [pointwise] = graph.consumers(concat)
        resized = [part for part in parts if part.op == "ResizeBilinear" and _is_pooled(graph, graph.inputs(part)[0])]
        kernel, add_bias = pointwise_kernel(graph, pointwise), _only_bias_add(graph, pointwise)
        widths = [width for part in parts if (width := _channels(graph, part)) is not None]
        if kernel is None or add_bias is None or len(resized) != 1 or len(widths) != len(parts):
            continue
        index = parts.index(resized[0])
        begin = sum(widths[:index])
        pooled_channels = np.arange(begin, begin + widths[index])
        name = concat.name + "/pooled"
        pooled_kernel = graph.add_constant(name + "/kernel", kernel[:, :, pooled_channels])
        pooled = graph.add("Conv2D", name, [graph.inputs(resized[0])[0], pooled_kernel], like=pointwise)
        biased = graph.add("BiasAdd", name + "/biased", [pooled, graph.inputs(add_bias)[1]], like=add_bias)
        shape = graph.add_constant(name + "/shape", np.array([-1], np.int32))
        add_bias.input[1] = graph.add("Reshape", name + "/bias", [biased, shape], Tshape=tf.int32).name
        other_kernel = graph.add_constant(name + "/other", np.delete(kernel, pooled_channels, axis=2))
        pointwise.input[1] = other_kernel.name
        others = [part for part in parts if part is not resized[0]]
        if len(others) == 1:
            pointwise.input[0] = others[0].name
        else:
            concat.input[:] = [part.name for part in others] + [axis.name]
            concat.attr["N"].i = len(others)


def compose_pointwise(graph: GraphEditor) -> None:
    """pointwise B_j(pointwise A(x)) for some j -> pointwise C_j(x), if that takes fewer multiplications.

    Let A map k to m channels with bias a, and B_j map m to n_j channels with bias b_j. Then C_j = B_j A maps k to n_j
    channels with bias B_j a + b_j, and takes k n_j multiplications per pixel, instead of k m + m n_j. A global average
    pooling of A(x) becomes A of the pooling of x: both are linear. In DeepLab's MobileNetV2, A is the last projection
    and B_j are the first convolutions of the head.
    """
    for add_bias, first, bias in _bias_adds(graph):
        kernel = pointwise_kernel(graph, first)
        consumers = graph.consumers(add_bias)
        pools = [node for node in consumers if node.op == "AvgPool"]
        seconds = [(node, *found) for node in consumers if (found := _biased_pointwise(graph, node))]
        if kernel is None or not seconds or len(seconds) + len(pools) != len(consumers):
            continue
        k, m = kernel.shape[2:]
        n = sum(second_kernel.shape[3] for _, second_kernel, _, _ in seconds)
        if len(graph.consumers(first)) != 1 or k * n >= k * m + m * n:
            continue
        [x, kernel_node], bias_node = graph.inputs(first), graph.inputs(add_bias)[1]
        for pool in pools:
            pooled = graph.add("AvgPool", pool.name + "/early", [x], like=pool)
            projected = graph.add("Conv2D", pool.name + "/projected", [pooled, kernel_node], like=first)
            graph.replace(pool, graph.add("BiasAdd", pool.name + "/biased", [projected, bias_node], like=add_bias))
        for node, second_kernel, second_add_bias, second_bias in seconds:
            composed = np.einsum("km,mn->kn", kernel[0, 0].astype(np.float64), second_kernel[0, 0].astype(np.float64))
            node.input[:] = [x.name, graph.add_float_constant(node.name + "/composed", composed[None, None]).name]
            _set_bias(graph, second_add_bias, second_bias + _apply(second_kernel, bias))


def merge_separable_biases(graph: GraphEditor) -> None:
    """pointwise(depthwise(x) + a) + b -> pointwise(depthwise(x)) + (pointwise(a) + b).

    Equal because the pointwise convolution is linear. It saves one addition per value. Xception has this pattern: its
    separable convolutions (Chollet 2017, arXiv:1610.02357) have a batch norm and no activation between their halves.
    """
    for add_bias, depthwise, bias in _bias_adds(graph):
        consumers = graph.consumers(add_bias)
        if depthwise.op != "DepthwiseConv2dNative" or len(consumers) != 1:
            continue
        [pointwise] = consumers
        if found := _biased_pointwise(graph, pointwise):
            kernel, pointwise_add_bias, pointwise_bias = found
            pointwise.input[0] = depthwise.name
            _set_bias(graph, pointwise_add_bias, pointwise_bias + _apply(kernel, bias))


def pointwise_kernel(graph: GraphEditor, node: Node) -> Array | None:
    """Return the constant kernel, [1, 1, in, out], of `node`, or None if it is no 1 x 1 convolution of stride 1."""
    if node.op != "Conv2D" or list(node.attr["strides"].list.i) != [1, 1, 1, 1]:
        return None
    kernel = graph.constant(graph.inputs(node)[1])
    return kernel if kernel is not None and kernel.shape[:2] == (1, 1) else None


def _bias_adds(graph: GraphEditor) -> Iterator[tuple[Node, Node, Array]]:
    """Yield each BiasAdd of a constant, with its first input and the constant, [channels]."""
    for add_bias in graph:
        if add_bias.op == "BiasAdd":
            source, bias_node = graph.inputs(add_bias)
            bias = graph.constant(bias_node)
            if bias is not None:
                yield add_bias, source, bias


def _only_bias_add(graph: GraphEditor, convolution: Node) -> Node | None:
    """Return the BiasAdd that is the only consumer of `convolution`, or None if there is none."""
    consumers = graph.consumers(convolution)
    return consumers[0] if [node.op for node in consumers] == ["BiasAdd"] else None


def _biased_pointwise(graph: GraphEditor, node: Node) -> tuple[Array, Node, Array] | None:
    """Return the kernel of the pointwise convolution `node`, the BiasAdd that is its only consumer, and its bias.

    Returns None if `node` is another operation, has other consumers or a bias that is not constant.
    """
    kernel, add_bias = pointwise_kernel(graph, node), _only_bias_add(graph, node)
    bias = None if add_bias is None else graph.constant(graph.inputs(add_bias)[1])
    return None if kernel is None or bias is None else (kernel, add_bias, bias)


def _set_bias(graph: GraphEditor, add_bias: Node, bias: Array) -> None:
    add_bias.input[1] = graph.add_float_constant(add_bias.name + "/bias", bias).name


def _apply(kernel: Array, vector: Array) -> Array:
    """Return the pointwise convolution of one pixel, [in], by `kernel`, [1, 1, in, out], as float64 [out]."""
    result: Array = vector.astype(np.float64) @ kernel[0, 0].astype(np.float64)
    return result


def _is_pooled(graph: GraphEditor, node: Node) -> bool:
    """Return whether `node` is an AvgPool, or is computed from one by pointwise operations."""
    while node.op in ("Conv2D", "BiasAdd", "Relu", "Relu6"):
        node = graph.inputs(node)[0]
    return bool(node.op == "AvgPool")


def _channels(graph: GraphEditor, node: Node) -> int | None:
    """Return the number of output channels of `node`, or None if it is not known."""
    while node.op in ("BiasAdd", "Relu", "Relu6", "ResizeBilinear", "AvgPool"):
        node = graph.inputs(node)[0]
    if node.op == "Conv2D" and (kernel := graph.constant(graph.inputs(node)[1])) is not None:
        return int(kernel.shape[3])
    return None
