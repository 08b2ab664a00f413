"""Writes layers in integers as nodes of oneDNN's quantized convolutions.

TensorFlow registers `_FusedQuantizedConv2D` and `_FusedQuantizedDepthwiseConv2D` in its x86-64 build (tensorflow/core/
ops/mkl_nn_ops.cc). The underscore says that its own graph rewriter makes them; there is no public operation that
computes a convolution of integers with a bias, a sum and a requantization.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from core.graph.editor import GraphEditor, Node
from core.graph.network import Network, make_placeholder
from core.graph.quantize.integers import LEVELS, Encoding, IntegerLayer, Integers, with_integer_inputs
from core.graph.quantize.layers import Layer
from core.tensorflow import tf

# Steps of the range of weights.
WEIGHT_STEPS = 127
# Side of the squares of cells whose features are added up for the image pooling. Squares of 8 x 8 take twice the time,
# because there are more sums.
SQUARE = 16


def integer_network(network: Network, integers: Integers) -> Network:
    """Return `network` in `integers`, computed by integer kernels; its canvas and its features are uint8."""
    writer = _Writer(network, integers.layers)
    for layer in integers.layers:
        writer.add(layer)
    return replace(with_integer_inputs(network, integers), graph_def=writer.graph.graph_def(), sums=writer.sums)


class _Writer:
    """Adds the nodes of integer layers to `graph`, beside the float nodes of the image pooling in `network`."""

    def __init__(self, network: Network, layers: Iterable[IntegerLayer]) -> None:
        self.graph = GraphEditor(network.graph_def)
        self.network = network
        biases = [layer.layer.bias_node for layer in layers if layer.layer.bias is None]
        self.graph.prune([network.pooled, *biases])
        self.values: dict[str, Node] = {}  # the quint8 results of layers, and the canvas, by name
        self.sums = f"{network.features}/sums"
        self.ranges: dict[float, Node] = {}  # constants of the kernels' ranges, which many nodes share
        self.graph.nodes.pop(network.canvas, None)
        self._add_bytes(network.canvas, None)

    def add(self, integers: IntegerLayer) -> None:
        """Add the nodes of one layer."""
        result, name = self._convolution(integers), integers.layer.name
        if integers.output is None:
            self._add_logits(integers, result)
        elif name == self.network.features:
            self._add_bytes(name, result)
            self._add_sums(integers.output)
        else:
            self.values[name] = result

    def _add_sums(self, features: Encoding) -> None:
        """Add the sums of the integers of the features, encoded as `features`, over squares of SQUARE cells.

        A kernel of ones computes them: cells beyond the edges count as the integer 0.
        """
        channels = len(features.zero)
        layer = Layer(
            name=self.sums,
            source=self.network.features,
            kernel=np.ones((SQUARE, SQUARE, channels, 1), np.float32),
            bias=None,
            bias_node="",
            depthwise=True,
            strides=(1, SQUARE, SQUARE, 1),
            dilations=(1, 1, 1, 1),
            padding="SAME",
            activation="",
            summand="",
        )
        ones = np.ones(channels, np.float32)
        result = self._convolution(IntegerLayer(layer, layer.kernel.astype(np.int8), ones, ones, features, None))
        self.graph.add("Bitcast", self.sums, [result], T=tf.qint32, type=tf.int32)

    def _convolution(self, integers: IntegerLayer) -> Node:
        """Add the kernel of one layer; return its result, quint8, or for a layer without an encoding qint32."""
        layer, output = integers.layer, integers.output
        name, source, graph = layer.name, self.values[layer.source], self.graph
        # Without requantization, the raw int32 sums are needed: with the same step, 1, for all channels the kernel does
        # not scale them.
        weight_steps = np.ones(layer.channels) if output is None else integers.products / integers.input.step
        kernel = graph.add_constant(f"{name}/kernel", integers.kernel, tf.qint8)
        # The kernels take symmetric ranges, of which they use max(|min|, |max|): one constant serves as both ends.
        weight_range = graph.add_constant(f"{name}/range", (WEIGHT_STEPS * weight_steps).astype(np.float32))
        devices, types = [source, kernel], [tf.quint8, tf.qint8]
        hosts = [self._range(0), self._range(LEVELS * integers.input.step), weight_range, weight_range]
        fused: list[str] = []
        if output is not None:
            devices.append(self._bias(integers))
            types.append(tf.float32)
            fused = ["BiasAdd", "Relu", "Requantize"]
            if layer.summand:
                # The kernel writes its result over the summand: only the result of another kernel may be one.
                devices.append(self.values[layer.summand])
                types.append(tf.quint8)
                fused.insert(1, "Sum")
                hosts += [self._range(0), self._range(LEVELS * output.step)]
            hosts += [self._range(0), self._range(LEVELS * output.step)]
        out_type = tf.qint32 if output is None else tf.quint8
        result = graph.add(
            "_FusedQuantizedDepthwiseConv2D" if layer.depthwise else "_FusedQuantizedConv2D",
            f"{name}/integers",
            [*devices, *hosts],
            Tinput=tf.quint8,
            Tfilter=tf.qint8,
            Tbias=tf.float32,
            Tsummand=out_type,
            out_type=out_type,
            Tdevice_inputs=types,
            Thost_inputs=[tf.float32] * len(hosts),
            Tdevice_outputs=[out_type],
            Thost_outputs=[tf.float32] * 2,
            strides=list(layer.strides),
            dilations=list(layer.dilations),
            padding=layer.padding,
            fused_ops=fused,
            is_bias_const=layer.bias is not None,
        )
        del result.attr["T"]  # of all other nodes
        return result

    def _add_bytes(self, name: str, result: Node | None) -> None:
        """Add the node `name`, uint8, a placeholder or the same bytes as `result`, and its bytes as quint8.

        Inputs and outputs of the network are uint8: TensorFlow's other operations compute no quint8.
        """
        node = self.graph.add("Bitcast", name, [result] if result else [], T=tf.quint8, type=tf.uint8)
        if result is None:
            make_placeholder(node, tf.uint8)
        self.values[name] = self.graph.add("Bitcast", f"{name}/quint8", [node], T=tf.uint8, type=tf.quint8)

    def _bias(self, integers: IntegerLayer) -> Node:
        """Return the bias of a layer, float32 [out]."""
        layer, graph = integers.layer, self.graph
        bias = graph.add_constant(f"{layer.name}/bias", integers.bias)
        if layer.bias is not None or integers.output is None:
            return bias
        factor = graph.add_float_constant(f"{layer.name}/factor", 1 / integers.output.channel_scale)
        scaled = graph.add("Mul", f"{layer.name}/scaled", [graph.nodes[layer.bias_node], factor])
        return graph.add("AddV2", f"{layer.name}/image_bias", [scaled, bias])

    def _add_logits(self, integers: IntegerLayer, result: Node) -> None:
        """Add the logits, float32: `result`, sums of products in qint32, times their value, plus the bias."""
        graph, name = self.graph, integers.layer.name
        sums = graph.add("Bitcast", f"{name}/int32", [result], T=tf.qint32, type=tf.int32)
        cast = graph.add("Cast", f"{name}/float", [sums], SrcT=tf.int32, DstT=tf.float32)
        del cast.attr["T"]
        products = graph.add_constant(f"{name}/products", integers.products)
        scaled = graph.add("Mul", f"{name}/scaled", [cast, products])
        bias = graph.add_constant(f"{name}/bias", integers.bias)
        graph.add("BiasAdd", name, [scaled, bias])

    def _range(self, value: float) -> Node:
        """Return the constant `value`, float32, one end of a range."""
        if value not in self.ranges:
            self.ranges[value] = self.graph.add_constant(f"range_{len(self.ranges)}", np.array(value, np.float32))
        return self.ranges[value]
