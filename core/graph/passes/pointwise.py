"""The passes that save multiplications among pointwise (1 x 1) convolutions."""

import numpy as np

from core.graph.editor import GraphEditor, Node, float_constant
from core.tensorflow import tf
from core.types import Array


def split_image_pooling(graph: GraphEditor) -> None:
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


def compose_pointwise(graph: GraphEditor) -> None:
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
        seconds = [
            (node, second)
            for node in consumers
            if (second := pointwise_kernel(graph, node)) is not None and _constant_bias(graph, node) is not None
        ]
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
            node.input[:] = [source.name, float_constant(graph, node.name + "/composed", composed[None, None]).name]
            [follower] = graph.consumers(node)
            old = _constant_bias(graph, node)
            follower.input[1] = float_constant(graph, follower.name + "/composed", old + shift).name


def move_biases_on(graph: GraphEditor) -> None:
    """pointwise(depthwise(x) + a) + b -> pointwise(depthwise(x)) + (pointwise(a) + b): one addition instead of two.

    Xception has a batch norm and no activation between the halves of its separable convolutions.
    """
    for add_bias in graph:
        if add_bias.op != "BiasAdd":
            continue
        depthwise, bias_node = graph.inputs(add_bias)
        bias = graph.constant(bias_node)
        consumers = graph.consumers(add_bias)
        if depthwise.op != "DepthwiseConv2dNative" or bias is None or len(consumers) != 1:
            continue
        [pointwise] = consumers
        kernel, old = pointwise_kernel(graph, pointwise), _constant_bias(graph, pointwise)
        if kernel is not None and old is not None:
            pointwise.input[0] = depthwise.name
            [follower] = graph.consumers(pointwise)
            moved = old + bias.astype(np.float64) @ kernel[0, 0].astype(np.float64)
            follower.input[1] = float_constant(graph, follower.name + "/moved", moved).name


def pointwise_kernel(graph: GraphEditor, node: Node) -> Array | None:
    """Return the kernel, [1, 1, in, out], of a 1 x 1 convolution without a stride, or None where `node` isn't one."""
    if node.op != "Conv2D" or list(node.attr["strides"].list.i) != [1, 1, 1, 1]:
        return None
    kernel = graph.constant(graph.inputs(node)[1])
    return kernel if kernel is not None and kernel.shape[:2] == (1, 1) else None


def _constant_bias(graph: GraphEditor, convolution: Node) -> Array | None:
    """Return the bias that all who read `convolution` add to it first, or None where it isn't one constant."""
    followers = graph.consumers(convolution)
    if [follower.op for follower in followers] != ["BiasAdd"]:
        return None
    return graph.constant(graph.inputs(followers[0])[1])


def _is_pooled(graph: GraphEditor, node: Node) -> bool:
    """Whether `node` is an AvgPool, or made of one by operations that keep its single pixel."""
    while node.op in ("Conv2D", "BiasAdd", "Relu", "Relu6"):
        node = graph.inputs(node)[0]
    return bool(node.op == "AvgPool")


def _channels(graph: GraphEditor, node: Node) -> int | None:
    """Return the number of channels that `node` puts out, or None where it can't be told."""
    while node.op in ("BiasAdd", "Relu", "Relu6", "ResizeBilinear", "AvgPool"):
        node = graph.inputs(node)[0]
    if node.op == "Conv2D" and (kernel := graph.constant(graph.inputs(node)[1])) is not None:
        return int(kernel.shape[3])
    return None
