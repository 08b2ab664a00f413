"""A TensorFlow session over a graph: an image in, its labels and logits out."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from core.errors import ModelError
from core.graph.frozen_graph import INPUT, OUTPUT, Graph
from core.graph.network import Network
from core.graph.optimize import UnknownStructure, optimize
from core.graph.quantize.calibration import read_calibration
from core.graph.quantize.compiler import quantize
from core.graph.quantize.layers import NotQuantizable
from core.runtime.canvas import PaddingMeans, count_cells, segment
from core.runtime.cpu import small_pixels, sums_int8_exactly
from core.runtime.program import Program, compile_program
from core.runtime.session_config import session_config
from core.runtime.sessions import Sessions
from core.tensorflow import tf
from core.types import Array, EngineOptions, Prediction, UInt8Array

# A graph with more bytes of weights has no second session, and no image that one thread computes in milliseconds.
MAX_NARROW_BYTES = 50_000_000

logger = logging.getLogger(__name__)


class Engine:
    """Segments images with `graph`. Several threads may use one engine at once; they share its CPU threads.

    A `network` of the graph that was compiled before, or that simulates another precision, takes the place of the one
    that `options` ask for.

    The engine runs the unmodified graph if `optimized` is false, or if the optimizer does not know the structure of the
    graph. Of `options`, only `threads` counts then. Raises ModelError for int8 if the graph has no calibration beside
    it, or no structure that the integer kernels compute.
    """

    def __init__(
        self, graph: Graph, options: EngineOptions, *, optimized: bool = True, network: Network | None = None
    ) -> None:
        if optimized and network is None:
            config = session_config(options.threads)
            network = _quantize(graph, config) if options.precision == "int8" else _optimize(graph, config)
        if network:
            open_session = _compile(network, options).open_session
            network = replace(network, graph_def=None)  # the program has what it needs
        else:
            open_session = partial(_open_unmodified, graph)
        narrow = network is not None and graph.graph_def.ByteSize() < MAX_NARROW_BYTES
        self._sessions = Sessions(open_session, options.threads, narrow=narrow)
        self._small_pixels = small_pixels(options.precision) if narrow and options.canvas == "fit" else 0
        self._logits_stride = network.logits_stride if network else None
        self._padding_correction = network.padding_correction if network else None
        self._side = network.side if network and options.canvas == "fit" else None

    @property
    def has_logits(self) -> bool:
        """Whether predictions have logits."""
        return self._logits_stride is not None

    def run(self, image: UInt8Array) -> UInt8Array:
        """Return the class id of each pixel, uint8 [height, width], of `image`, uint8 [height, width, 3] in RGB."""
        return self.predict(image).seg_map

    def predict(self, image: UInt8Array) -> Prediction:
        """Return the class ids and the logits of `image`, uint8 [height, width, 3] in RGB."""
        seg_map, logits, _ = self._sessions(*self._inputs(image), small=self._is_small(image))
        return Prediction(seg_map, logits if self._logits_stride else None, self._logits_stride or 1)

    def prepare(self, image: UInt8Array) -> None:
        """Compile what an image of the shape of `image` needs in this thread, if it is the only one at a time."""
        self._sessions.alone(*self._inputs(image), small=self._is_small(image))

    def _is_small(self, image: UInt8Array) -> bool:
        return image.size // 3 <= self._small_pixels

    def _inputs(self, image: UInt8Array) -> tuple[UInt8Array, Array, int]:
        means = self._padding_means
        padding_mean = means.mean_outside(*image.shape[:2]) if means else np.zeros(0, np.float32)
        return image, padding_mean, 0

    @cached_property
    def _padding_means(self) -> PaddingMeans | None:
        """The means of the padding that a fit canvas skips, which the first inference measures."""
        if self._side is None:
            return None
        # An empty image leaves the whole canvas to the padding.
        empty = np.zeros((0, 0, 3), np.uint8), np.zeros(1, np.float32)
        features = self._sessions.first((*empty, count_cells(self._side)), (*empty, 1))[2]
        return PaddingMeans(features if self._padding_correction is None else features + self._padding_correction)


def _optimize(graph: Graph, config: Any) -> Network | None:
    try:
        return optimize(graph, config)
    except UnknownStructure as error:
        logger.warning("%s: running the unmodified graph, slower and only up to its own canvas size", error)
        return None


def _quantize(graph: Graph, config: Any) -> Network:
    """Return the network of `graph` in integers. Raises ModelError if its structure or its calibration prevents it."""
    try:
        network = optimize(graph, config)
        calibration = read_calibration(graph.path)
        return quantize(network, calibration, saturates=not sums_int8_exactly())
    except (UnknownStructure, NotQuantizable) as error:
        raise ModelError(f"PRECISION=int8 can't be used with {graph.path}: {error}; use float32 or auto") from error


def _compile(network: Network, options: EngineOptions) -> Program:
    """Return the program of `network`; its inputs and its outputs are those of segment()."""
    inputs = [
        tf.TensorSpec([None, None, 3], tf.uint8, "image"),
        tf.TensorSpec([None], tf.float32, "padding_mean"),
        tf.TensorSpec([], tf.int32, "min_cells"),
    ]
    smallest = np.zeros((0, 0, 3), np.uint8), np.zeros(1, np.float32), 1

    def build(hollow: Network, tensors: Sequence[Any]) -> Sequence[Any]:
        image, padding_mean, min_cells = tensors
        return segment(hollow, image, padding_mean, min_cells, options.canvas)

    return compile_program(network, build, inputs, smallest, options.precision)


def _open_unmodified(graph: Graph, threads: int) -> Any:
    """Return a function like those of a program, in a session of the unmodified `graph`; it has labels alone."""
    with tf.Graph().as_default() as session_graph:
        inputs = [tf.compat.v1.placeholder(dtype) for dtype in (tf.uint8, tf.float32, tf.int32)]
        [output] = tf.import_graph_def(
            graph.graph_def, name="", input_map={INPUT: inputs[0][tf.newaxis]}, return_elements=[f"{OUTPUT}:0"]
        )
        # Class ids fit in one byte. The cast is in the session, because a map of int64 takes eight times the memory.
        outputs = [tf.cast(output[0], tf.uint8), tf.zeros([0]), tf.zeros([0])]
    session = tf.compat.v1.Session(graph=session_graph, config=session_config(threads))
    return session.make_callable(outputs, inputs)
