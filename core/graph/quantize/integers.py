"""Chooses the integers of each layer: scales of channels, ranges of values, rounded kernels and biases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.graph.network import Network
from core.graph.quantize.calibration import Calibration
from core.graph.quantize.layers import Layer, NotQuantizable, border
from core.graph.quantize.rounding import MAX_WEIGHT, round_depthwise
from core.types import Array

# The largest integer of a value, uint8.
LEVELS = 255
# Without VNNI, a CPU adds two products of uint8 and int8 in 16 bits (VPMADDUBSW), which saturates if two weights of the
# same sign add up to more than 128: 255 * 128 < 2**15. oneDNN's kernels keep the weights of GROUP input channels side
# by side, and add two of these. Depthwise kernels have one input channel, and add in 32 bits.
GROUP = 4
# A channel whose range is small is scaled up, to this power of the ratio to the largest channel. Values with both signs
# pass through linear layers only, so that every scale and every zero is exact. An activation clips a scaled channel
# earlier, and its zero must be the integer 0.
ACTIVATION_EXPONENT, LINEAR_EXPONENT = 0.5, 1.0
# The smallest ratio of a channel to the largest one; smaller channels hardly change from photo to photo.
SMALLEST_ACTIVATION, SMALLEST_LINEAR = 1e-2, 1e-3
# The accumulator of a kernel has 32 bits; a bias must leave most of them to the sum of products.
MAX_BIAS = 2.0**24


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the values x of a tensor are stored: x = channel_scale[c] * step * (q - zero[c]), q of 0 to LEVELS."""

    channel_scale: Array  # float64 [channels]
    step: float
    zero: Array  # float64 [channels]

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


@dataclass(frozen=True, slots=True)
class Integers:
    """The layers of a network in integers, and the correction of the padding: see Calibration."""

    layers: tuple[IntegerLayer, ...]
    padding: Array


def choose_integers(network: Network, layers: list[Layer], calibration: Calibration, *, saturates: bool) -> Integers:
    """Return `layers` of `network` in integers; `saturates` tells whether the CPU's sums of two products do.

    Raises NotQuantizable if `calibration` lacks a layer or has it with other channels.
    """
    corrections = calibration.saturating if saturates else calibration.exact
    encodings = choose_encodings(network, layers, calibration.ranges)
    integers = [
        to_integers(layer, encodings, corrections.biases.get(layer.name), saturates=saturates) for layer in layers
    ]
    return Integers(tuple(integers), corrections.padding)


def with_integer_inputs(network: Network, integers: Integers) -> Network:
    """Return a copy of `network` whose canvas and features are declared uint8; its graph_def stays float."""
    layers = [layer.layer for layer in integers.layers]
    # find_layers() has checked that the features have an activation; only the logits have no encoding.
    [features] = [layer.output for layer in integers.layers if layer.layer.name == network.features and layer.output]
    # The pixel value that is nearest to the padding, which is halfway between two of them in DeepLab's graphs.
    padding = np.clip(np.rint((network.padding - network.offset) / network.scale), 0, LEVELS)
    return replace(
        network,
        scale=1.0,
        offset=0.0,
        padding=float(padding),
        border=border(layers, network.canvas),
        feature_steps=features.steps.astype(np.float32),
        padding_correction=integers.padding,
    )


def choose_encodings(network: Network, layers: list[Layer], ranges: Mapping[str, Array]) -> dict[str, Encoding]:
    """Return the encodings of the canvas and of the results of `layers`, by name; the logits have none.

    `ranges` has the least and the largest value of each channel, [2, channels], by layer. All results that are added to
    each other have the same encoding. The canvas holds pixel values.
    """
    trunks: dict[str, list[str]] = {}  # results that are added to each other: each list is shared by its members
    for layer in layers:
        found = ranges.get(layer.name)
        if found is None or found.shape != (2, layer.channels):
            raise NotQuantizable(f"the calibration has no range for the {layer.channels} channels of {layer.name}")
        trunks[layer.name] = trunks[layer.summand] if layer.summand else []
        trunks[layer.name].append(layer.name)
    middle = np.full(3, -network.offset / network.scale)
    encodings = {network.canvas: Encoding(np.ones(3), network.scale, middle)}
    for layer in layers:
        if layer.name == network.logits:
            continue
        members = np.array([ranges[name] for name in trunks[layer.name]], np.float64)
        low, high = members[:, 0].min(axis=0), members[:, 1].max(axis=0)
        smallest, exponent = SMALLEST_LINEAR, LINEAR_EXPONENT
        if not layer.linear:
            low, high = np.zeros_like(low), np.minimum(high, 6) if layer.activation == "Relu6" else high
            smallest, exponent = SMALLEST_ACTIVATION, ACTIVATION_EXPONENT
        width = high - low
        top = max(float(width.max()), 1e-6)  # not 0, even if all results are
        scale = (np.maximum(width, top * smallest) / top) ** exponent
        # The largest channel has the scale 1, so that its range is the largest of the scaled ones.
        step = top / LEVELS
        encodings[layer.name] = Encoding(scale, step, -low / (scale * step))
    return encodings


def to_integers(
    layer: Layer, encodings: Mapping[str, Encoding], correction: Array | None = None, *, saturates: bool
) -> IntegerLayer:
    """Return `layer` in integers; `correction`, float32 [out], is added to its bias.

    `encodings` are those of choose_encodings(), `saturates` is that of choose_integers().
    """
    source, output = encodings[layer.source], encodings.get(layer.name)
    scale = np.ones(layer.channels) if output is None else output.channel_scale
    rows = (0, 1, 3) if layer.depthwise else (0, 1, 2)  # all axes but the output channels
    columns = (..., np.newaxis) if layer.depthwise else ...  # shapes one number per output channel like the kernel
    kernel = layer.kernel.astype(np.float64) * source.channel_scale[:, np.newaxis] / scale[columns]
    bias = np.zeros(layer.channels) if layer.bias is None else layer.bias.astype(np.float64)
    bias = (bias if correction is None else bias + correction) / scale
    largest = np.abs(kernel).max(axis=rows)
    if saturates and not layer.depthwise:
        largest = np.maximum(largest, largest_sums(kernel))
    weight_step = np.maximum(largest / MAX_WEIGHT, np.abs(bias) / (source.step * MAX_BIAS))
    weight_step = np.maximum(weight_step, 1e-12)  # of a channel without weights
    if layer.depthwise:
        integers, weight_step = round_depthwise(kernel, weight_step)
    else:
        integers = np.rint(kernel / weight_step).astype(np.int8)
    products = weight_step * source.step
    bias = bias - products * (integers * source.zero[:, np.newaxis]).sum(axis=rows)
    if output is not None and not layer.summand:  # a summand has the zero already
        bias += output.zero * output.step
    return IntegerLayer(layer, integers, products.astype(np.float32), bias.astype(np.float32), source, output)


def largest_sums(kernel: Array) -> Array:
    """Return the largest absolute sum, [out], of two weights of the same sign in a GROUP of `kernel`, [.., in, out]."""
    height, width, channels, out = kernel.shape
    padded = np.pad(kernel, [(0, 0), (0, 0), (0, -channels % GROUP), (0, 0)])
    groups = np.stack([padded, -padded]).clip(0).reshape(2, height, width, -1, GROUP, out)
    sums: Array = np.sort(groups, axis=4)[..., -2:, :].sum(axis=4).max(axis=(0, 1, 2, 3))
    return sums
