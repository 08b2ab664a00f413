"""Computes layers in integers with float32 operations: the arithmetic of the exact kernels, on every CPU.

float32 holds integers up to 2**24 exactly. Sums of products may exceed that, and then differ by some units of the last
place, far below one step of the result.
"""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from core.graph.network import Network
from core.graph.quantize.integers import LEVELS, IntegerLayer, Integers, with_integer_inputs
from core.tensorflow import tf

Tensor: TypeAlias = Any  # TensorFlow has no types


@dataclass(frozen=True)
class SimulatedNetwork(Network):
    """An integer network of `layers`, each after those that it reads; `graph_def` is that of the float network."""

    layers: tuple[IntegerLayer, ...] = ()

    def features_of(self, canvas: Tensor) -> list[Tensor]:
        """Add the backbone to the graph of the tensor `canvas`, uint8; return the features, uint8."""
        return [tf.cast(self.backbone_of(canvas)[self.features], tf.uint8)]

    def backbone_of(self, canvas: Tensor) -> dict[str, Tensor]:
        """Add the backbone to the graph of `canvas`, uint8; return its layers' integers, as float32, by name."""
        values = {self.canvas: tf.cast(canvas, tf.float32)}
        for integers in self.layers:
            if self.features not in values:
                self._compute(integers, values, None)
        del values[self.canvas]
        return values

    def logits_of(self, features: list[Tensor], pooled: Tensor) -> Tensor:
        """Add the head to the graph of the tensors; return the logits of `features`, as features_of() returns them."""
        values = {self.features: tf.cast(features[0], tf.float32)}
        names = [integers.layer.name for integers in self.layers]
        for integers in self.layers[names.index(self.features) + 1 :]:
            self._compute(integers, values, pooled)
        return values[self.logits]

    def _compute(self, integers: IntegerLayer, values: dict[str, Tensor], pooled: Tensor) -> None:
        """Add the result of a layer to `values`, the results of layers by name."""
        layer, image_bias = integers.layer, None
        if layer.bias is None:
            [image_bias] = self.connect([layer.bias_node], {self.pooled: pooled})
        values[layer.name] = compute_layer(integers, values[layer.source], values.get(layer.summand), image_bias)


def simulated_network(network: Network, integers: Integers) -> SimulatedNetwork:
    """Return `network` in `integers`, computed in float32; its canvas and its features are uint8."""
    described = with_integer_inputs(network, integers)
    values = {field.name: getattr(described, field.name) for field in fields(described)}
    return SimulatedNetwork(**values, layers=integers.layers)


def compute_layer(
    integers: IntegerLayer, source: Tensor, summand: Tensor | None = None, image_bias: Tensor | None = None
) -> Tensor:
    """Return the result of a layer for `source`, integers as float32 [1, rows, columns, in].

    The result has integers as float32 [1, rows, columns, out], or logits. `image_bias`, float32 [out], is a bias that
    the image pooling has computed.
    """
    layer, output = integers.layer, integers.output
    convolution = tf.raw_ops.DepthwiseConv2dNative if layer.depthwise else tf.raw_ops.Conv2D
    bias = integers.bias
    if image_bias is not None and output is not None:
        bias = image_bias / output.channel_scale.astype("float32") + bias
    sums = convolution(
        input=source,
        filter=integers.kernel.astype("float32"),
        strides=list(layer.strides),
        dilations=list(layer.dilations),
        padding=layer.padding,
    )
    result = sums * integers.products + bias
    if output is None:
        return result
    result /= output.step
    if summand is not None:
        result += summand
    return tf.clip_by_value(tf.round(result), 0, LEVELS)  # tf.round() rounds half to even, like the kernels
