"""Chooses the integers of each layer: scales of channels, ranges of values, rounded kernels and biases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.graph.network import Network
from core.graph.quantize.calibration import Calibration
from core.graph.quantize.layers import Layer, NotQuantizable, border, find_layers
from core.types import Array

# The largest integer of a value, uint8. The zero of values with both signs is in the middle.
LEVELS = 255
MIDDLE = LEVELS / 2
# The largest integer of a weight: all 8 bits, or as many as the sum of two products of uint8 and int8 allows that must
# fit into int16: 255 * 64 * 2 < 2**15. The instruction VPMADDUBSW of CPUs without VNNI saturates above that.
EXACT_WEIGHT, SMALL_WEIGHT = 127, 64
# A channel whose values are small is scaled up, to this power of the ratio to the largest channel. Values with both
# signs pass through linear layers only, so that their scales are exact. An activation clips a scaled channel earlier.
ACTIVATION_EXPONENT, LINEAR_EXPONENT = 0.5, 1.0
# The smallest ratio of a channel to the largest one; smaller channels are zero on most photos.
SMALLEST_ACTIVATION, SMALLEST_LINEAR = 1e-2, 1e-3
# The accumulator of a kernel has 32 bits; a bias must leave most of them to the sum of products.
MAX_BIAS = 2.0**24


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the values of a tensor are stored: x = channel_scale[c] * step * (q - zero), q an integer of 0 to LEVELS."""

    channel_scale: Array  # float64 [channels]
    step: float
    zero: float

    @property
    def steps(self) -> Array:
        """The real value of one step of each channel, float64 [channels]."""
        return self.channel_scale * self.step


@dataclass(frozen=True, slots=True)
class IntegerLayer:
    """A layer in integers: q_out = round((convolution(q_in, kernel) * products + bias) / step + q_summand).

    `kernel` is int8, with the shape of the layer's. `products`, float32 [out], is the value of one product of integers,
    `bias`, float32 [out], includes the zeros of input and output, and `step` is that of the encoding `output`. All are
    in the scaled units of the output. If the image pooling computes a bias, it is divided by the channel scale of
    `output` and added to `bias`. The logits have no encoding: they stay float32.
    """

    layer: Layer
    kernel: Array
    products: Array
    bias: Array
    input: Encoding
    output: Encoding | None


def choose_integers(network: Network, calibration: Calibration, max_weight: int) -> list[IntegerLayer]:
    """Return the layers of `network` in integers, with weights up to `max_weight`: EXACT_WEIGHT or SMALL_WEIGHT.

    Raises NotQuantizable if the network has another structure, or if `calibration` lacks one of its layers.
    """
    layers = find_layers(network)
    encodings = choose_encodings(network, layers, calibration.maxima)
    corrections = calibration.corrections
    return [
        to_integers(layer, encodings[layer.source], encodings.get(layer.name), max_weight, corrections.get(layer.name))
        for layer in layers
    ]


def with_integer_inputs(network: Network, layers: list[IntegerLayer]) -> Network:
    """Return `network` described as an integer network of `layers`, whose canvas and features are uint8.

    Its graph is not changed.
    """
    # find_layers() has checked that the features have an activation; only the logits have no encoding.
    [features] = [layer.output for layer in layers if layer.layer.name == network.features and layer.output]
    # The pixel value that is nearest to the padding, which is halfway between two of them in DeepLab's graphs.
    padding = np.clip(np.rint((network.padding - network.offset) / network.scale), 0, LEVELS)
    return replace(
        network,
        scale=1.0,
        offset=0.0,
        padding=float(padding),
        border=border([layer.layer for layer in layers], network.canvas),
        feature_steps=features.steps.astype(np.float32),
    )


def choose_encodings(network: Network, layers: list[Layer], maxima: Mapping[str, Array]) -> dict[str, Encoding]:
    """Return the encodings of the canvas and of the results of `layers`, by name; the logits have none.

    All results that are added to each other have the same encoding. The canvas holds pixel values.
    """
    trunks: dict[str, list[str]] = {}  # results that are added to each other: each list is shared by its members
    for layer in layers:
        found = maxima.get(layer.name)
        if found is None or found.shape != (layer.channels,):
            raise NotQuantizable(f"the calibration has no range for the {layer.channels} channels of {layer.name}")
        trunks[layer.name] = trunks[layer.summand] if layer.summand else []
        trunks[layer.name].append(layer.name)
    encodings = {network.canvas: Encoding(np.ones(3), network.scale, -network.offset / network.scale)}
    for layer in layers:
        largest = np.max([maxima[name] for name in trunks[layer.name]], axis=0).astype(np.float64)
        if layer.activation == "Relu6":
            largest = np.minimum(largest, 6)
        smallest, exponent = SMALLEST_ACTIVATION, ACTIVATION_EXPONENT
        if layer.linear:
            smallest, exponent = SMALLEST_LINEAR, LINEAR_EXPONENT
        top = max(float(largest.max()), 1e-6)  # a layer whose results are all zero
        scale = (np.maximum(largest, top * smallest) / top) ** exponent
        # The largest scaled value is that of the largest channel, whose scale is 1.
        step, zero = (2 * top / LEVELS, MIDDLE) if layer.linear else (top / LEVELS, 0.0)
        if layer.name != network.logits:
            encodings[layer.name] = Encoding(scale, step, zero)
    return encodings


def to_integers(
    layer: Layer, source: Encoding, output: Encoding | None, max_weight: int, correction: Array | None = None
) -> IntegerLayer:
    """Return `layer` in integers of the encodings `source` and `output`; `correction`, [out], is added to its bias."""
    scale = np.ones(layer.channels) if output is None else output.channel_scale
    rows = (0, 1, 3) if layer.depthwise else (0, 1, 2)  # all axes but the output channels
    columns = (..., np.newaxis) if layer.depthwise else ...  # shapes one number per output channel like the kernel
    kernel = layer.kernel.astype(np.float64) * source.channel_scale[:, np.newaxis] / scale[columns]
    bias = np.zeros(layer.channels) if layer.bias is None else layer.bias.astype(np.float64)
    bias = (bias if correction is None else bias + correction) / scale
    largest = np.maximum(np.abs(kernel).max(axis=rows) / max_weight, np.abs(bias) / (source.step * MAX_BIAS))
    weight_step = np.maximum(largest, 1e-12)
    integers = np.rint(kernel / weight_step[columns]).astype(np.int8)
    products = weight_step * source.step
    bias = bias - source.zero * products * integers.sum(axis=rows, dtype=np.int64)
    if output is not None and not layer.summand:  # a summand has the zero already
        bias += output.zero * output.step
    return IntegerLayer(layer, integers, products.astype(np.float32), bias.astype(np.float32), source, output)
