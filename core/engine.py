"""A TensorFlow session over a graph: an image in, its labels out."""

import logging
from typing import Any, cast

import numpy as np

from core.canvas import CANVAS_NAME, Padding, segment
from core.graph import INPUT, OUTPUT, Graph
from core.network import Network
from core.optimize import UnknownStructure, optimize
from core.tensorflow import tf
from core.types import EngineOptions, UInt8Array

logger = logging.getLogger(__name__)


class Engine:
    """Runs `graph` as `options` say. Several threads may call it at once; they share its CPU threads.

    TensorFlow has one pool of CPU threads for all sessions of a process, of the size that the first asks for.

    A graph that the optimizer does not know is run as it is, with a warning in the log, and so is any where not
    `optimized`; of the options only the threads count then.
    """

    def __init__(self, graph: Graph, options: EngineOptions, *, optimized: bool = True) -> None:
        config = _session_config(options)
        network = _optimize(graph, config) if optimized else None
        with tf.Graph().as_default():
            image = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
            outside = tf.compat.v1.placeholder(tf.float32, [None])
            seg_map = segment(network, image, outside, options.canvas) if network else _as_it_is(graph, image)
            if network and options.precision == "bfloat16":
                rewrites = config.graph_options.rewrite_options
                rewrites.auto_mixed_precision_onednn_bfloat16 = type(rewrites).ON
            session = tf.compat.v1.Session(config=config)
            self._call = session.make_callable(seg_map, [image, outside])
            self._padding = _padding(network, session) if network and options.canvas == "fit" else None

    def run(self, image: UInt8Array) -> UInt8Array:
        """Return the class id of each pixel, uint8 [height, width], of `image`, uint8 [height, width, 3] in RGB."""
        outside = self._padding.outside(*image.shape[:2]) if self._padding else np.zeros(0, np.float32)
        return cast(UInt8Array, self._call(image, outside))


def _optimize(graph: Graph, config: Any) -> Network | None:
    try:
        return optimize(graph, config)
    except UnknownStructure as error:
        logger.warning("%s: the graph is run as it is, slower and for no image over its own size", error)
        return None


def _as_it_is(graph: Graph, image: Any) -> Any:
    """Return the label map, uint8 [height, width], that `graph` makes of `image` by itself."""
    [output] = tf.import_graph_def(
        graph.graph_def, name="", input_map={INPUT: image[tf.newaxis]}, return_elements=[f"{OUTPUT}:0"]
    )
    # Narrowed inside the session: class ids fit in a byte, and a map of int64 is eight times the memory.
    return tf.cast(output[0], tf.uint8)


def _padding(network: Network, session: Any) -> Padding:
    """Return what a fit canvas is completed with, by running the network on a canvas of nothing but padding."""
    canvas = np.full((1, network.side, network.side, 3), network.padding, np.float32)
    [features] = session.run(f"{network.features}:0", {f"{CANVAS_NAME}:0": canvas})
    return Padding(features)


def _session_config(options: EngineOptions) -> Any:
    # The network is one chain of nodes, so no second one could run beside the first: with a negative inter_op, the
    # caller's own thread runs them, and several callers don't wait for each other.
    return tf.compat.v1.ConfigProto(intra_op_parallelism_threads=options.threads, inter_op_parallelism_threads=-1)
