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

ONES = {"strides": [1, 1, 1, 1], "dilations": [1, 1, 1, 1], "padding": "SAME"}


def mixed_network(network: Network, layers: list[IntegerPointwise], *, simulated: bool = False) -> Network:
    """Return `network` with `layers` computed by integer kernels, or `simulated` by float32 operations."""
    graph = GraphEditor(network.graph_def)
    ends = frozenset({network.logits, network.features, *network.skip_inputs})
    for integers in layers:
        name, add = integers.layer.result, _simulated_sums if simulated else _kernel_sums
        sums = add(graph, integers, _scaled_source(graph, integers, ends), integers.layer.rectified)
        result = graph.nodes[name]
        if name in ends or not _scale_readers(graph, result, integers.products):
            # The node keeps its name, by which the network finds its ends.
            products = graph.add_float_constant(f"{name}/products", integers.products)
            result.CopyFrom(graph.add("Mul", f"{name}/real", [sums, products]))
            result.name = name
        else:
            graph.replace(result, sums)
    return replace(network, graph_def=graph.graph_def(ends))


def add_simulation(graph: GraphEditor, integers: IntegerPointwise) -> Node:
    """Add and return a node of the results of a layer before its Relu, computed by float32 operations."""
    sums = _simulated_sums(graph, integers, _scaled_source(graph, integers, frozenset()), False)
    name = integers.layer.name
    products = graph.add_float_constant(f"{name}/products", integers.products)
    return graph.add("Mul", f"{name}/real", [sums, products])


def _scaled_source(graph: GraphEditor, integers: IntegerPointwise, ends: frozenset[str]) -> Node:
    """Add and return a node of what becomes the integers of a layer by rounding; `ends` are those of _scaled()."""
    name = integers.layer.name
    scaled = _scaled(graph, graph.nodes[integers.layer.source], 1 / integers.steps, f"{name}/scaled", ends)
    if not integers.zeros.any():
        return scaled
    zeros = graph.add_float_constant(f"{name}/zeros", integers.zeros)
    return graph.add("BiasAdd", f"{name}/shifted", [scaled, zeros])


def _scaled(graph: GraphEditor, node: Node, factors: Array, name: str, ends: frozenset[str]) -> Node:
    """Add and return a node of the values of `node`, each channel times one of `factors`, float32 [channels].

    A depthwise convolution that nothing else reads takes them into its kernel; nodes after it pass them on.
    Not beyond `ends`, the names of nodes at which the network is cut: a part after one reads that alone.
    """
    if node.name not in ends and len(graph.consumers(node)) == 1:
        source, constants = graph.inputs(node)[0], graph.constants(graph.inputs(node)[1:])
        match node.op, constants:
            case "DepthwiseConv2dNative", [kernel] if kernel.shape[3] == 1:
                weights = graph.add_float_constant(f"{name}/kernel", kernel * factors[:, np.newaxis])
                return graph.add(node.op, name, [source, weights], like=node)
            case "BiasAdd", [bias]:
                biases = graph.add_float_constant(f"{name}/bias", bias * factors)
                return graph.add(node.op, name, [_scaled(graph, source, factors, name, ends), biases], like=node)
            case "Relu", []:
                return graph.add(node.op, name, [_scaled(graph, source, factors, name, ends)], like=node)
            case "BatchToSpaceND", _:
                others = graph.inputs(node)[1:]
                return graph.add(node.op, name, [_scaled(graph, source, factors, name, ends), *others], like=node)
    return graph.add("Mul", name, [node, graph.add_float_constant(f"{name}/factors", factors)])


def _scale_readers(graph: GraphEditor, node: Node, factors: Array) -> bool:
    """Multiply each channel of `node` by one of `factors`, float32 [channels], in all nodes that read it.

    Return whether these can: they are depthwise convolutions, of which nothing is changed otherwise.
    """
    readers = graph.consumers(node)
    kernels = graph.constants(graph.inputs(reader)[-1] for reader in readers)
    if kernels is None or any(reader.op != "DepthwiseConv2dNative" for reader in readers):
        return False
    for reader, kernel in zip(readers, kernels, strict=True):
        scaled = graph.add_float_constant(f"{reader.name}/kernel", kernel * factors[:, np.newaxis])
        reader.input[1] = scaled.name
    return True


def _kernel_sums(graph: GraphEditor, integers: IntegerPointwise, scaled: Node, rectified: bool) -> Node:
    """Add and return the sums of products and the bias, `rectified` by a Relu or not, of oneDNN's integer kernel."""
    name, out = integers.layer.name, len(integers.products)
    zero, levels = (graph.add_float_constant(f"{name}/{end}", np.array(end)) for end in (0, LEVELS))
    quantized = graph.add(
        "QuantizeV2", f"{name}/integers", [scaled, zero, levels], T=tf.quint8, mode="SCALED", round_mode="HALF_TO_EVEN"
    )
    kernel = graph.add_constant(f"{name}/kernel", integers.kernel[np.newaxis, np.newaxis], tf.qint8)
    bias = graph.add_float_constant(f"{name}/bias", integers.bias)
    # The steps of values and weights are 1, so that the kernel scales neither its bias nor its sums.
    weights = graph.add_float_constant(f"{name}/range", np.full(out, WEIGHT_STEPS))
    sums = graph.add(
        "_FusedQuantizedConv2D",
        f"{name}/sums",
        [quantized, kernel, bias, zero, levels, weights, weights],
        Tinput=tf.quint8,
        Tfilter=tf.qint8,
        Tbias=tf.float32,
        Tsummand=tf.qint32,
        out_type=tf.qint32,
        Tdevice_inputs=[tf.quint8, tf.qint8, tf.float32],
        Thost_inputs=[tf.float32] * 4,
        Tdevice_outputs=[tf.qint32],
        Thost_outputs=[tf.float32] * 2,
        fused_ops=["BiasAdd", "Relu"] if rectified else ["BiasAdd"],
        is_bias_const=True,
        **ONES,
    )
    del sums.attr["T"]  # of all other nodes
    bits = graph.add("Bitcast", f"{name}/int32", [sums], T=tf.qint32, type=tf.int32)
    cast = graph.add("Cast", f"{name}/float", [bits], SrcT=tf.int32, DstT=tf.float32)
    del cast.attr["T"]
    return cast


def _simulated_sums(graph: GraphEditor, integers: IntegerPointwise, scaled: Node, rectified: bool) -> Node:
    """Add and return what _kernel_sums() computes, by float32 operations."""
    name = integers.layer.name
    zero, levels = (graph.add_float_constant(f"{name}/{end}", np.array(end)) for end in (0, LEVELS))
    rounded = graph.add("Round", f"{name}/rounded", [scaled])
    clipped = graph.add(
        "Minimum", f"{name}/integers", [graph.add("Maximum", f"{name}/clipped", [rounded, zero]), levels]
    )
    kernel = graph.add_float_constant(f"{name}/kernel", integers.kernel[np.newaxis, np.newaxis])
    products = graph.add("Conv2D", f"{name}/products", [clipped, kernel], **ONES)
    sums = graph.add("BiasAdd", f"{name}/sums", [products, graph.add_float_constant(f"{name}/bias", integers.bias)])
    return graph.add("Relu", f"{name}/rectified", [sums]) if rectified else sums
