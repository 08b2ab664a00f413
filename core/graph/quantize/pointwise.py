"""Finds the pointwise (1 x 1) convolutions that integers compute in a network whose other layers stay float32.

In a network with a decoder, such as one of Xception, nearly all time is theirs. Its depthwise convolutions amplify the
rounding errors of what they read, and the sums of its trunk pass them on, so that these stay float32.
"""

from dataclasses import dataclass

import numpy as np

from core.graph.editor import GraphEditor, Node
from core.graph.network import Network
from core.graph.passes.pointwise import pointwise_kernel
from core.graph.quantize.calibration import Calibration
from core.graph.quantize.integers import LEVELS, largest_sums
from core.graph.quantize.layers import NotQuantizable
from core.graph.quantize.rounding import MAX_WEIGHT
from core.types import Array

# Smaller kernels stay float32: they take a small part of the time, and read or write the entry flow and the decoder,
# whose errors change the most labels.
MIN_WEIGHTS = 180_000
# The least range of a channel, so that a channel without values has a step.
SMALLEST_RANGE = 1e-9


@dataclass(frozen=True, slots=True)
class Pointwise:
    """A convolution of the node `source`, with a kernel of float32 [in, out], and its bias, float32 [out].

    `name` is the node of the sum of both, `result` the Relu after it if nothing else reads the sum, else the sum.
    """

    name: str
    source: str
    kernel: Array
    bias: Array
    result: str

    @property
    def rectified(self) -> bool:
        """Whether a Relu belongs to the layer."""
        return self.result != self.name


@dataclass(frozen=True, slots=True)
class IntegerPointwise:
    """A pointwise convolution in integers: products * (q @ kernel + bias), where q = round(x / steps + zeros).

    `steps` and `zeros` are float32 [in], q is 0 to LEVELS, `kernel` is int8 [in, out], `products` and `bias` are
    float32 [out].
    """

    layer: Pointwise
    steps: Array
    zeros: Array
    kernel: Array
    products: Array
    bias: Array


def find_pointwise(network: Network) -> list[Pointwise]:
    """Return the convolutions of `network` that integers can compute, but for those of the image pooling.

    Raises NotQuantizable if it has none.
    """
    graph = GraphEditor(network.graph_def)
    layers = [layer for node in graph if (layer := _read(graph, node)) is not None]
    found = [layer for layer in layers if network.pooled not in graph.ancestors([layer.source])]
    if not found:
        raise NotQuantizable(f"no 1 x 1 convolution with a bias has {MIN_WEIGHTS:,} weights or more")
    return found


def _read(graph: GraphEditor, convolution: Node) -> Pointwise | None:
    """Return the layer of `convolution`, or None if that is no large pointwise one with a bias."""
    kernel = pointwise_kernel(graph, convolution)
    readers = graph.consumers(convolution)
    if kernel is None or kernel.size < MIN_WEIGHTS or [reader.op for reader in readers] != ["BiasAdd"]:
        return None
    [biased] = readers
    bias = graph.constant(graph.inputs(biased)[1])
    if bias is None:
        return None
    after = graph.consumers(biased)
    result = after[0] if [node.op for node in after] == ["Relu"] else biased
    return Pointwise(biased.name, graph.inputs(convolution)[0].name, kernel[0, 0], bias, result.name)


def choose_pointwise(layers: list[Pointwise], calibration: Calibration, *, saturates: bool) -> list[IntegerPointwise]:
    """Return those of `layers` in integers that `calibration` has ranges of; the others stay float32.

    `saturates` tells whether the CPU's sums of two products do. Raises NotQuantizable if a range is of other channels.
    """
    corrections = calibration.saturating if saturates else calibration.exact
    return [
        to_integers(layer, calibration.ranges[layer.name], corrections.biases.get(layer.name), saturates=saturates)
        for layer in layers
        if layer.name in calibration.ranges
    ]


def to_integers(layer: Pointwise, ends: Array, correction: Array | None = None, *, saturates: bool) -> IntegerPointwise:
    """Return `layer` in integers; `correction`, float32 [out], is added to its results.

    `ends` has the values of each channel of its source that become 0 and LEVELS, [2, in].
    """
    if ends.shape != (2, len(layer.kernel)):
        raise NotQuantizable(f"the calibration of {layer.name} has other channels than the {len(layer.kernel)} of it")
    low, high = ends.astype(np.float64)
    steps = np.maximum(high - low, SMALLEST_RANGE) / LEVELS
    zeros = np.rint(-low / steps)
    kernel = layer.kernel * steps[:, np.newaxis]
    largest = np.abs(kernel).max(axis=0)
    if saturates:
        largest = np.maximum(largest, largest_sums(kernel[np.newaxis, np.newaxis]))
    products = np.maximum(largest / MAX_WEIGHT, 1e-12)  # of a channel without weights
    integers = np.rint(kernel / products)
    bias = layer.bias if correction is None else layer.bias + correction
    bias = bias / products - zeros @ integers
    numbers = (array.astype(np.float32) for array in (products, bias))
    return IntegerPointwise(
        layer, steps.astype(np.float32), zeros.astype(np.float32), integers.astype(np.int8), *numbers
    )
