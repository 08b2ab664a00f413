"""Calibrates a network for int8: measures ranges and bias corrections on photos.

Everything is computed in float32, the integers by the simulation of their kernels, so that the result is the same on
every CPU.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from core.graph.network import Network
from core.graph.quantize.calibration import Corrections, as_written
from core.graph.quantize.integers import (
    LEVELS,
    Encoding,
    Integers,
    choose_encodings,
    to_integers,
    with_integer_inputs,
)
from core.graph.quantize.layers import Layer, find_layers
from core.graph.quantize.simulation import compute_layer, simulated_network
from core.runtime.canvas import PaddingMeans, canvas_cells, count_cells, image_pooling, in_real_units, place_on_canvas
from core.tensorflow import tf
from core.types import Array, UInt8Array

Tensor: TypeAlias = Any  # TensorFlow has no types
Progress: TypeAlias = Callable[[list[Any]], Iterable[Any]]

# A range covers all values of this share of the photos. Clipped values cost more labels than larger steps do.
QUANTILE = 0.98
# Number of photos used for bias correction. The values of a layer for all of them are in memory: up to 20 MB for a
# photo of 513 pixels.
CORRECTED_PHOTOS = 72
# A bias moves only the values that the activation does not clip. Where these are a smaller share than this, the
# correction is too small, rather than one that few values decide.
MIN_UNCLIPPED = 0.25
# Largest correction before an activation, in units of its result. Clipping makes the mean error a poor guide there.
MAX_ACTIVATION_CORRECTION = 0.2
# An image without pixels leaves its whole canvas to the padding.
NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


def random_indices(total: int, count: int) -> Array:
    """Return the indices of `count` of `total` photos, or of all if there are fewer; always the same ones.

    They are at random, because every n-th photo may have the same size.
    """
    return np.random.default_rng(0).choice(total, min(count, total), replace=False)


class Calibrator:
    """Measures the layers of `network` on photos, uint8 [height, width, 3], resized as for inference.

    Raises NotQuantizable if the network has a structure that the integer kernels do not compute.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.layers = find_layers(network)
        self._float = _FloatLayers(network, self.layers)
        self._photos: list[UInt8Array] = []
        self._measured: list[list[Array]] = []  # [3, channels] as _FloatLayers.measure(), by photo and layer

    def add(self, photo: UInt8Array) -> None:
        """Measure all layers on `photo`."""
        self._photos.append(photo)
        self._measured.append(self._float.measure(photo))

    def ranges(self) -> dict[str, Array]:
        """Return the least and the largest value of each channel, float32 [2, channels], by layer, as written.

        Other digits would make other steps, whose weights the corrections would not fit.
        """
        by_layer = zip(*self._measured, strict=True)
        return {
            layer.name: as_written(_range(np.array(values)))
            for layer, values in zip(self.layers, by_layer, strict=True)
        }

    def corrections(self, ranges: dict[str, Array], progress: Progress, *, saturates: bool) -> Corrections:
        """Return the corrections for `ranges`; `saturates` is that of choose_integers().

        The correction of a layer is the mean error of its integers over all cells of CORRECTED_PHOTOS, after all layers
        before have been corrected (Nagel et al. 2019, arXiv:1906.04721, empirical bias correction). `progress` is
        called with the layers and returns them.
        """
        encodings = choose_encodings(self._network, self.layers, ranges)
        corrected = [to_integers(layer, encodings, saturates=saturates) for layer in self.layers]
        described = with_integer_inputs(self._network, Integers(tuple(corrected), np.zeros(0)))
        chosen = random_indices(len(self._photos), CORRECTED_PHOTOS)
        photos = [self._photos[index] for index in chosen]
        values = {described.canvas: [self._canvas(photo, described) for photo in photos]}
        biases = {}
        for number, layer in enumerate(progress(self.layers)):
            nothing: list[Any] = [None] * len(photos)
            sources, summands, image_biases = values[layer.source], values.get(layer.summand, nothing), nothing
            if layer.bias is None:
                pairs = zip(photos, values[described.features], strict=True)
                image_biases = [self._float.bias(layer, photo, features, described) for photo, features in pairs]
            inputs = list(zip(sources, summands, image_biases, strict=True))
            output = encodings.get(layer.name)
            results = [compute_layer(corrected[number], *tensors) for tensors in inputs]
            found = [_mean(result, output) for result in results]
            expected = [self._measured[index][number][2] for index in chosen]
            error = np.mean(expected, axis=0) - np.mean(found, axis=0)
            if layer.activation:
                moved = np.mean([_unclipped(result) for result in results], axis=0)
                error /= np.maximum(moved, MIN_UNCLIPPED)
                error = np.clip(error, -MAX_ACTIVATION_CORRECTION, MAX_ACTIVATION_CORRECTION)
            biases[layer.name] = error.astype(np.float32)
            corrected[number] = to_integers(layer, encodings, error, saturates=saturates)
            values[layer.name] = [compute_layer(corrected[number], *tensors) for tensors in inputs]
            self._forget(values, number, described.features)
        simulated = simulated_network(self._network, Integers(tuple(corrected), np.zeros(0)))
        cells = count_cells(self._network.side)
        [features] = simulated.features_of(place_on_canvas(NO_IMAGE, cells, cells, simulated))
        padding = (self._float.padding - in_real_units(features, simulated)).numpy().mean(axis=(0, 1, 2))
        return Corrections(biases, padding)

    def _canvas(self, photo: UInt8Array, described: Network) -> Tensor:
        """Return the integers of the canvas of `photo`, float32."""
        height, width, _ = photo.shape
        rows, columns = canvas_cells(height, width, described.side, "fit")
        return tf.cast(place_on_canvas(photo, rows, columns, described), tf.float32)

    def _forget(self, values: dict[str, list[Tensor]], number: int, features: str) -> None:
        """Remove the values that no layer after the one of `number` reads; the image pooling reads the `features`."""
        later = self.layers[number + 1 :]
        read = {layer.source for layer in later} | {layer.summand for layer in later}
        if any(layer.bias is None for layer in later):
            read.add(features)
        for name in values.keys() - read:
            del values[name]


class _FloatLayers:
    """Computes `layers` of `network` in float32, in a session."""

    def __init__(self, network: Network, layers: list[Layer]) -> None:
        self._image_biases: dict[str, Any] = {}
        names = [layer.name for layer in layers]
        head = names.index(network.features) + 1
        with tf.Graph().as_default():
            image = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
            padding_mean = tf.compat.v1.placeholder(tf.float32, [None])
            min_cells = tf.compat.v1.placeholder(tf.int32, [])
            height, width = tf.unstack(tf.shape(image)[:2])
            cells = canvas_cells(height, width, network.side, "fit")
            rows, columns = (tf.maximum(count, min_cells) for count in cells)
            canvas = place_on_canvas(image, rows, columns, network)
            backbone = network.connect(names[:head], {network.canvas: canvas})
            features = backbone[-1]
            pooled = image_pooling(features, padding_mean, network, "fit")
            inputs = {network.features: features, network.pooled: pooled}
            results = backbone + network.connect(names[head:], inputs)
            measured = [_measure(result) for result in results]
            given = tf.compat.v1.placeholder(tf.float32, [1, 1, 1, features.shape[-1]])
            dynamic = [layer for layer in layers if layer.bias is None]
            biases = [network.connect([layer.bias_node], {network.pooled: given})[0] for layer in dynamic]
            session = tf.compat.v1.Session()
            self._measure = session.make_callable(measured, [image, padding_mean, min_cells])
            for layer, bias in zip(dynamic, biases, strict=True):
                self._image_biases[layer.name] = session.make_callable(bias, [given])
            # The features of a canvas of padding, float32 [1, cells, cells, channels].
            self.padding = session.run(features, {image: NO_IMAGE, min_cells: count_cells(network.side)})
        self._padding_means = PaddingMeans(self.padding[0])

    def measure(self, photo: UInt8Array) -> list[Array]:
        """Return the least, the largest and the mean value of each channel, float32 [3, channels], of each layer."""
        values: list[Array] = self._measure(photo, self._padding_means.mean_outside(*photo.shape[:2]), 0)
        return values

    def bias(self, layer: Layer, photo: UInt8Array, features: Tensor, described: Network) -> Array:
        """Return the bias of `layer` that the image pooling computes from the integers `features` of `photo`."""
        padding_mean = self._padding_means.mean_outside(*photo.shape[:2])
        pooled = image_pooling(features, padding_mean, described, "fit")
        bias: Array = self._image_biases[layer.name](pooled.numpy())
        return bias


def _mean(result: Tensor, output: Encoding | None) -> Array:
    """Return the mean of each channel, float32 [channels], of the result of a layer, whose integers are `output`."""
    mean: Array = tf.reduce_mean(result, [0, 1, 2]).numpy()
    if output is not None:
        mean = (mean - output.zero) * output.steps
    return mean


def _unclipped(result: Tensor) -> Array:
    """Return the share of values of each channel, float32 [channels], that an activation has not clipped."""
    share: Array = tf.reduce_mean(tf.cast((result > 0) & (result < LEVELS), tf.float32), [0, 1, 2]).numpy()
    return share


def _measure(result: Tensor) -> Tensor:
    """Return the least, the largest and the mean value of each channel of `result`, [3, channels]."""
    return tf.stack([reduce(result, [0, 1, 2]) for reduce in (tf.reduce_min, tf.reduce_max, tf.reduce_mean)])


def _range(measured: Array) -> Array:
    """Return the range of each channel, [2, channels], of what _measure() found on photos, [photos, 3, channels]."""
    low = np.quantile(measured[:, 0], 1 - QUANTILE, axis=0)
    high = np.quantile(measured[:, 1], QUANTILE, axis=0)
    return np.stack([low, high]).astype(np.float32)
