"""Finding the layers of a network, and the structures that the integer kernels can't compute."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.graph.frozen_graph import read_graph
from core.graph.optimize import optimize
from core.graph.quantize.layers import NotQuantizable, find_layers
from core.tensorflow import tf
from core.weights.registry import MOBILE
from tests.support.small_networks import CHANNELS, biased, kernel, pointwise, small_network


def test_find_layers_of_mobile_graph_finds_every_convolution_of_an_image() -> None:
    network = optimize(read_graph(MOBILE))
    layers = find_layers(network)
    # MobileNetV2 has a first convolution, one block of two layers and 16 of three, whose last projection is part of the
    # head here; the head has three more layers (Sandler et al. 2018, arXiv:1801.04381, table 2).
    assert len(layers) == 1 + 2 + 16 * 3 - 1 + 3
    assert Counter(layer.activation for layer in layers) == {"Relu6": 34, "Relu": 2, "": 17}
    assert sum(layer.depthwise for layer in layers) == 17
    assert sum(bool(layer.summand) for layer in layers) == 10
    assert [layer.name for layer in layers if layer.bias is None] == ["concat_projection/Relu"]
    assert [layer.padding for layer in layers] == ["VALID"] + ["SAME"] * (len(layers) - 1)
    assert layers[0].source == network.canvas
    assert layers[-1].name == network.logits


def test_find_layers_orders_each_layer_after_those_it_reads() -> None:
    network = small_network()
    known = {network.canvas, ""}
    for layer in find_layers(network):
        assert {layer.source, layer.summand} <= known
        known.add(layer.name)


def reused(x: Any) -> Any:
    """Add to `x`, after a sum whose kernel overwrites `x`, a layer that still reads `x`."""
    total = x + pointwise(tf.nn.relu6(pointwise(x, CHANNELS)), CHANNELS)
    return total + pointwise(tf.nn.relu6(pointwise(x, CHANNELS)), CHANNELS)


def unbiased(x: Any) -> Any:
    return tf.nn.relu6(tf.nn.conv2d(x, kernel(1, 1, CHANNELS, CHANNELS), 1, "SAME"))


def padded(x: Any) -> Any:
    return tf.nn.relu6(biased(tf.nn.conv2d(x, kernel(3, 3, CHANNELS, CHANNELS), 1, "SAME"), CHANNELS))


def multiplied(x: Any) -> Any:
    weights = kernel(3, 3, CHANNELS, 2)
    x = tf.nn.relu6(pointwise(x, CHANNELS))
    x = tf.raw_ops.DepthwiseConv2dNative(input=x, filter=weights, strides=[1] * 4, padding="SAME")
    return tf.nn.relu6(biased(x, 2 * CHANNELS))


@pytest.mark.parametrize(
    ("trunk", "message"),
    [
        (reused, r"adds .*, which \[.*\] needs unchanged"),
        (unbiased, r"\(Conv2D\) is read by \['Relu6'\], expected a BiasAdd"),
        (padded, r"\(Conv2D\) pads .*, which has no activation"),
        (multiplied, r"\(DepthwiseConv2dNative\) has an unexpected kernel or padding"),
        (tf.nn.elu, r"node Elu \(Elu\) is not part of a convolution"),
        (lambda x: x + np.float32(1), r"\(AddV2\) is not part of a convolution"),
    ],
    ids=["reused", "unbiased", "padded", "multiplied", "elu", "constant"],
)
def test_find_layers_of_other_structure_raises_with_the_node(trunk: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(NotQuantizable, match=message):
        find_layers(small_network(trunk))


def test_find_layers_of_network_with_decoder_raises_with_the_node() -> None:
    with pytest.raises(NotQuantizable, match="node Relu6 leads around the features into a decoder"):
        find_layers(replace(small_network(), skip_inputs=("Relu6",)))


def test_find_layers_of_features_without_activation_raises() -> None:
    network = small_network()
    [trunk] = [layer.name for layer in find_layers(network) if layer.summand]
    with pytest.raises(NotQuantizable, match=rf"node {trunk} \(AddV2\) is not a layer with an activation"):
        find_layers(replace(network, features=trunk))
