"""Calibrates a network of which only large pointwise convolutions are integers: measures them on photos, in float32."""

import gc
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from core.calibrator import Progress, random_indices
from core.graph.editor import GraphEditor
from core.graph.network import Network
from core.graph.quantize.calibration import Corrections, as_written
from core.graph.quantize.mixed import add_simulation
from core.graph.quantize.pointwise import find_pointwise, to_integers
from core.runtime.canvas import canvas_cells, place_on_canvas
from core.runtime.cpu import usable_cores
from core.runtime.session_config import session_config
from core.tensorflow import tf
from core.types import Array, UInt8Array

Tensor: TypeAlias = Any  # TensorFlow has no types

# Other photos, and larger ones, have values beyond those that were measured. Clipped values cost more labels than
# larger steps do.
MARGIN = 1.3
# A channel has a range in proportion to this power of what was measured, the largest one all of it: with 1, rounded
# values have the least errors; with less, rounded weights have, which are multiplied by the steps. Each layer has the
# best one.
EXPONENTS = (1.0, 0.75, 0.5)
SMALLEST_RATIO = 1e-6
# A layer whose results have a larger error, relative to their standard deviation, stays float32.
LARGEST_ERROR = 0.1
# Numbers of photos on which exponents are compared, and from which biases are corrected.
COMPARED_PHOTOS, CORRECTED_PHOTOS = 8, 24


class MixedCalibrator:
    """Measures the pointwise convolutions of `network` on photos, uint8 [height, width, 3], resized as for inference.

    Raises NotQuantizable if the network has none that is worth it.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.layers = find_pointwise(network)
        self._photos: list[UInt8Array] = []
        self._measured: list[list[Array]] = []  # [2, channels] by photo and layer
        self._measure = _Session(network, [layer.source for layer in self.layers], lambda values: map(_ends, values))

    def add(self, photo: UInt8Array) -> None:
        """Measure all layers on `photo`."""
        self._photos.append(photo)
        self._measured.append(self._measure(photo))

    def ranges(self) -> dict[str, Array]:
        """Return the values of each channel that become 0 and LEVELS, float32 [2, channels], by layer, as written."""
        tried = [
            {
                layer.name: as_written(_encoded(np.array(measured), exponent))
                for layer, measured in zip(self.layers, zip(*self._measured, strict=True), strict=True)
            }
            for exponent in EXPONENTS
        ]
        photos = self._chosen(COMPARED_PHOTOS)
        errors = [{name: error for name, (_, error) in self._errors(ranges, photos, False).items()} for ranges in tried]
        best = {layer.name: int(np.argmin([error[layer.name] for error in errors])) for layer in self.layers}
        return {name: tried[number][name] for name, number in best.items() if errors[number][name] <= LARGEST_ERROR}

    def corrections(self, ranges: dict[str, Array], progress: Progress, *, saturates: bool) -> Corrections:
        """Return the corrections for `ranges`; `saturates` is that of choose_pointwise().

        The correction of a layer is the mean error of its results where its source has the values of float32.
        `progress` is called with photos and returns them.
        """
        errors = self._errors(ranges, progress(self._chosen(CORRECTED_PHOTOS)), saturates)
        return Corrections({name: bias.astype(np.float32) for name, (bias, _) in errors.items()}, np.zeros(0))

    def _chosen(self, count: int) -> list[UInt8Array]:
        return [self._photos[index] for index in random_indices(len(self._photos), count)]

    def _errors(
        self, ranges: Mapping[str, Array], photos: Iterable[UInt8Array], saturates: bool
    ) -> dict[str, tuple[Array, float]]:
        """Return the mean error of each channel, [out], and the relative error without it, by the layers of `ranges`.

        Each layer in integers reads the float32 values of its source.
        """
        graph, results = GraphEditor(self.network.graph_def), []
        layers = [layer for layer in self.layers if layer.name in ranges]
        for layer in layers:
            integers = to_integers(layer, ranges[layer.name], saturates=saturates)
            results += [layer.name, add_simulation(graph, integers).name]
        network = replace(self.network, graph_def=graph.graph_def(results))
        del graph
        measure = _Session(network, results, lambda values: map(_moments, values[::2], values[1::2]))
        del network
        gc.collect()  # TensorFlow's graphs refer to themselves, and hold hundreds of megabytes
        with closing(measure):
            # [3, out] of each layer: means of the error, of its square, and the variance of the result.
            means = [np.mean(moments, axis=0) for moments in zip(*map(measure, photos), strict=True)]
        return {
            layer.name: (error, float(np.sqrt(np.sum(square - error**2) / np.maximum(np.sum(variance), 1e-30))))
            for layer, (error, square, variance) in zip(layers, means, strict=True)
        }


class _Session:
    """Runs `reduce` on the values that the nodes `names` of `network` have for a photo."""

    def __init__(self, network: Network, names: list[str], reduce: Callable[[list[Tensor]], Iterable[Tensor]]) -> None:
        with tf.Graph().as_default():
            image = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
            height, width = tf.unstack(tf.shape(image)[:2])
            rows, columns = canvas_cells(height, width, network.side, "fit")
            values = network.connect(names, {network.canvas: place_on_canvas(image, rows, columns, network)})
            session = tf.compat.v1.Session(config=session_config(usable_cores(), "float32"))
            self.close = session.close
            self._run = session.make_callable(list(reduce(values)), [image])

    def __call__(self, photo: UInt8Array) -> list[Array]:
        """Return the results of `reduce` for `photo`, uint8 [height, width, 3]."""
        results: list[Array] = self._run(photo)
        return results


def _ends(values: Tensor) -> Tensor:
    """Return the least and the largest of `values`, [1, rows, columns, channels], of each channel, [2, channels]."""
    return tf.stack([reduce(values, [0, 1, 2]) for reduce in (tf.reduce_min, tf.reduce_max)])


def _moments(expected: Tensor, found: Tensor) -> Tensor:
    """Return the mean error of `found`, the mean of its square, and the variance of `expected`, by channel."""
    error, cells = expected - found, [0, 1, 2]
    variance = tf.math.reduce_variance(expected, cells)
    return tf.stack([tf.reduce_mean(error, cells), tf.reduce_mean(error**2, cells), variance])


def _encoded(measured: Array, exponent: float) -> Array:
    """Return the values of each channel that become 0 and LEVELS, [2, channels], for those of photos, [photos, 2, ..].

    A zero is as far into the range as it is into what was measured.
    """
    low, high = np.minimum(measured[:, 0].min(axis=0), 0), np.maximum(measured[:, 1].max(axis=0), 0)
    ratios = (high - low) / max(float((high - low).max()), SMALLEST_RATIO)
    factors = MARGIN * np.maximum(ratios, SMALLEST_RATIO) ** (exponent - 1)
    ends: Array = np.stack([low, high]) * factors
    return ends
