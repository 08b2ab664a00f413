"""The passes that make a frozen DeepLab graph faster.

Each pass looks for one shape of nodes and puts an equal one in its place; equal up to the rounding of float32, as the
order of additions and multiplications changes. TensorFlow's own remapper then fuses what the passes line up: a
convolution with its bias, its residual and its activation is one kernel.
"""

import numpy as np

from core.graph.editor import CONVOLUTIONS, GraphEditor, float_constant, vector

ADDITIONS = ("Add", "AddV2", "AddN")
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


def drop_identities(graph: GraphEditor) -> None:
    """Identity(x) -> x. Freezing leaves one after each variable, between the passes and the constants they look for."""
    for node in graph:
        if node.op == "Identity":
            graph.replace(node, graph.inputs(node)[0])


def unfold_batch_norms(graph: GraphEditor) -> None:
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
        scaled = graph.add("Mul", node.name + "/scaled", [x, float_constant(graph, node.name + "/scale", scale)])
        shifted = graph.add("Add", node.name + "/shifted", [scaled, float_constant(graph, node.name + "/o", offset)])
        graph.replace(node, shifted)


def fold_scales(graph: GraphEditor) -> None:
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


def regroup_additions(graph: GraphEditor) -> None:
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


def add_biases(graph: GraphEditor) -> None:
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


def drop_repeated_relus(graph: GraphEditor) -> None:
    """Relu(Relu(x)) -> Relu(x)."""
    for node in graph:
        if node.op == "Relu" and graph.inputs(node)[0].op in ("Relu", "Relu6"):
            graph.replace(node, graph.inputs(node)[0])


def keep_shared_sums(graph: GraphEditor) -> None:
    """Relu(a + b) -> Maximum(a + b, 0) where others read the sum too, as in Xception's chain of residuals.

    TensorFlow's remapper would fuse convolution, sum and Relu without looking whether the sum is needed elsewhere;
    then it finds it missing, and gives up on the whole graph.
    """
    for node in graph:
        if node.op == "Relu" and (total := graph.inputs(node)[0]).op in ADDITIONS and len(graph.consumers(total)) > 1:
            zero = graph.add_constant(node.name + "/zero", np.zeros((), np.float32))
            graph.replace(node, graph.add("Maximum", node.name + "/maximum", [total, zero]))
