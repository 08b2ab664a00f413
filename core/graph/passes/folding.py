"""Passes that fold batch norms, scales and biases into convolutions, and that remove redundant nodes."""

from collections.abc import Collection, Iterator

import numpy as np

from core.graph.editor import CONVOLUTIONS, GraphEditor, Node, channel_vector
from core.types import Array

ADDITIONS = ("Add", "AddV2", "AddN")
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


def drop_identities(graph: GraphEditor) -> None:
    """Identity(x) -> x. Freezing a graph leaves an Identity after each variable."""
    for node in graph:
        if node.op == "Identity":
            graph.replace(node, graph.inputs(node)[0])


def drop_repeated_relus(graph: GraphEditor) -> None:
    """Relu(Relu(x)) -> Relu(x), and Relu(Relu6(x)) -> Relu6(x)."""
    for node in graph:
        if node.op == "Relu" and graph.inputs(node)[0].op in ("Relu", "Relu6"):
            graph.replace(node, graph.inputs(node)[0])


def unfold_batch_norms(graph: GraphEditor) -> None:
    """FusedBatchNorm(x) with constant parameters -> x * scale + offset, which the next passes fold.

    scale = gamma / sqrt(variance + epsilon), offset = beta - mean * scale (Ioffe and Szegedy 2015, arXiv:1502.03167,
    algorithm 2).
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
        scale_node = graph.add_float_constant(node.name + "/scale", scale)
        offset_node = graph.add_float_constant(node.name + "/offset", beta - mean * scale)
        scaled = graph.add("Mul", node.name + "/scaled", [x, scale_node])
        graph.replace(node, graph.add("Add", node.name + "/shifted", [scaled, offset_node]))


def fold_scales(graph: GraphEditor) -> None:
    """Mul(convolution(x, kernel), v), v one number per output channel -> convolution(x, kernel * v).

    Equal because a convolution is linear in its kernel. It saves a multiplication per output value.
    """
    for node, convolution, _, scale in _constant_operands(graph, ("Mul",)):
        if convolution.op not in CONVOLUTIONS or len(graph.consumers(convolution)) != 1:
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


def regroup_additions(graph: GraphEditor) -> None:
    """(residual + convolution) + v -> residual + (convolution + v), v one number per channel.

    Equal because addition is associative. The pass add_biases can then make v the bias of the convolution.
    """
    for node, inner, constant, _ in _constant_operands(graph, ADDITIONS):
        if inner.op not in ADDITIONS or len(graph.consumers(inner)) != 1:
            continue
        for residual, convolution in _operand_orders(graph, inner):
            if convolution.op in CONVOLUTIONS and residual.op not in CONVOLUTIONS:
                biased = graph.add("AddV2", convolution.name + "/biased", [convolution, constant])
                graph.replace(node, graph.add("AddV2", node.name + "/regrouped", [residual, biased]))


def add_biases(graph: GraphEditor) -> None:
    """Add(convolution, v), v one number per channel -> BiasAdd(convolution, v), the form that the remapper fuses."""
    for node, convolution, _, bias in _constant_operands(graph, ADDITIONS):
        if convolution.op in CONVOLUTIONS:
            values = graph.add_constant(node.name + "/bias", bias)
            graph.replace(node, graph.add("BiasAdd", node.name + "/biased", [convolution, values]))


def keep_shared_sums(graph: GraphEditor) -> None:
    """Relu(a + b) -> Maximum(a + b, 0) if other nodes read the sum too, as in Xception's chain of residuals.

    TensorFlow's remapper would fuse convolution, sum and Relu without checking whether other nodes read the sum. It
    then finds an input missing and leaves the whole graph unfused.
    """
    for node in graph:
        if node.op == "Relu" and (total := graph.inputs(node)[0]).op in ADDITIONS and len(graph.consumers(total)) > 1:
            zero = graph.add_constant(node.name + "/zero", np.zeros((), np.float32))
            graph.replace(node, graph.add("Maximum", node.name + "/maximum", [total, zero]))


def _constant_operands(graph: GraphEditor, operations: Collection[str]) -> Iterator[tuple[Node, Node, Node, Array]]:
    """Yield the nodes of `operations` that have two operands, one of them a constant with one number per channel.

    Each comes with its other operand, the constant node and the value of the constant, float32 [channels].
    """
    for node in graph:
        if node.op in operations:
            for operand, constant in _operand_orders(graph, node):
                value = channel_vector(graph.constant(constant))
                if value is not None:
                    yield node, operand, constant, value


def _operand_orders(graph: GraphEditor, node: Node) -> list[tuple[Node, Node]]:
    """Return the two operands of `node` in both orders, or an empty list if it has another number of inputs."""
    if len(node.input) != 2:
        return []
    first, second = graph.inputs(node)
    return [(first, second), (second, first)]
