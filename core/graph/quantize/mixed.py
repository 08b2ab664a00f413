"""Writes pointwise convolutions in integers into a network whose other layers stay float32."""

from dataclasses import replace

import numpy as np

from core.graph.editor import GraphEditor, Node
from core.graph.network import Network
from core.graph.quantize.integers import LEVELS
from core.graph.quantize.kernels import WEIGHT_STEPS
from core.graph.quantize.pointwise import IntegerPointwise
from core.tensorflow import tf
from core.types import Array

# The end of the name of the node that has the results of a layer in integers.
RESULT = "/from_integers"


def mixed_network(network: Network, layers: list[IntegerPointwise], *, simulated: bool = False) -> Network:
    """Return `network` with `layers` computed by integer kernels, or `simulated` by float32 operations."""
    graph = GraphEditor(network.graph_def)
    for integers in layers:
        graph.replace(graph.nodes[integers.layer.name], add_integers(graph, integers, simulated=simulated))
    return replace(network, graph_def=graph.graph_def([network.logits, network.features, *network.skip_inputs]))


def add_integers(graph: GraphEditor, integers: IntegerPointwise, *, simulated: bool) -> Node:
    """Add and return the node that computes a layer: float32 from its float32 source."""
    name = integers.layer.name
    scaled = _scaled(graph, graph.nodes[integers.layer.source], 1 / integers.steps, f"{name}/scaled")
    if integers.zeros.any():
        zeros = graph.add_float_constant(f"{name}/zeros", integers.zeros)
        scaled = graph.add("BiasAdd", f"{name}/shifted", [scaled, zeros])
    sums = (_simulated_sums if simulated else _kernel_sums)(graph, integers, scaled)
    products = graph.add_float_constant(f"{name}/products", integers.products)
    bias = graph.add_float_constant(f"{name}/bias", integers.bias)
    return graph.add("BiasAdd", name + RESULT, [graph.add("Mul", f"{name}/real", [sums, products]), bias])


def _scaled(graph: GraphEditor, node: Node, factors: Array, name: str) -> Node:
    """Add and return a node of the values of `node`, each channel times one of `factors`, float32 [channels].

    A depthwise convolution that nothing else reads takes them into its kernel; a bias and a Relu pass them on.
    """
    if len(graph.consumers(node)) == 1:
        source, constant = graph.inputs(node)[0], graph.constants(graph.inputs(node)[1:])
        match node.op, constant:
            case "DepthwiseConv2dNative", [kernel] if kernel.shape[3] == 1:
                weights = graph.add_float_constant(f"{name}/kernel", kernel * factors[:, np.newaxis])
                return graph.add(node.op, name, [source, weights], like=node)
            case "BiasAdd", [bias]:
                biases = graph.add_float_constant(f"{name}/bias", bias * factors)
                return graph.add(node.op, name, [_scaled(graph, source, factors, name), biases], like=node)
            case "Relu", []:
                return graph.add(node.op, name, [_scaled(graph, source, factors, name)], like=node)
    return graph.add("Mul", name, [node, graph.add_float_constant(f"{name}/factors", factors)])


def _kernel_sums(graph: GraphEditor, integers: IntegerPointwise, scaled: Node) -> Node:
    """Add and return the sums of products of the integers of `scaled`, computed by oneDNN's kernel for them."""
    name, out = integers.layer.name, len(integers.products)
    ends = [graph.add_float_constant(f"{name}/{end}", np.array(end)) for end in (0, LEVELS)]
    quantized = graph.add(
        "QuantizeV2", f"{name}/quantized", [scaled, *ends], T=tf.quint8, mode="SCALED", round_mode="HALF_TO_EVEN"
    )
    kernel = graph.add_constant(f"{name}/kernel", integers.kernel[np.newaxis, np.newaxis], tf.qint8)
    # With the step 1 for all channels, the kernel does not scale its sums.
    weights = graph.add_float_constant(f"{name}/range", np.full(out, WEIGHT_STEPS))
    result = graph.add(
        "_FusedQuantizedConv2D",
        f"{name}/sums",
        [quantized, kernel, *ends, weights, weights],
        Tinput=tf.quint8,
        Tfilter=tf.qint8,
        Tbias=tf.float32,
        Tsummand=tf.qint32,
        out_type=tf.qint32,
        Tdevice_inputs=[tf.quint8, tf.qint8],
        Thost_inputs=[tf.float32] * 4,
        Tdevice_outputs=[tf.qint32],
        Thost_outputs=[tf.float32] * 2,
        strides=[1, 1, 1, 1],
        dilations=[1, 1, 1, 1],
        padding="SAME",
        fused_ops=[],
    )
    del result.attr["T"]  # of all other nodes
    bits = graph.add("Bitcast", f"{name}/int32", [result], T=tf.qint32, type=tf.int32)
    cast = graph.add("Cast", f"{name}/float", [bits], SrcT=tf.int32, DstT=tf.float32)
    del cast.attr["T"]
    return cast


def _simulated_sums(graph: GraphEditor, integers: IntegerPointwise, scaled: Node) -> Node:
    """Add and return the sums of products of the integers of `scaled`, computed in float32."""
    name = integers.layer.name
    ends = [graph.add_float_constant(f"{name}/{end}", np.array(end)) for end in (0, LEVELS)]
    rounded = graph.add("Round", f"{name}/rounded", [scaled])
    clipped = graph.add("Minimum", f"{name}/below", [graph.add("Maximum", f"{name}/above", [rounded, ends[0]]), ends[1]])
    kernel = graph.add_float_constant(f"{name}/kernel", integers.kernel[np.newaxis, np.newaxis])
    ones = {"strides": [1, 1, 1, 1], "dilations": [1, 1, 1, 1]}
    return graph.add("Conv2D", f"{name}/sums", [clipped, kernel], padding="SAME", **ones)
