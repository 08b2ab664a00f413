"""A TensorFlow session over a graph: an image in, its labels out."""

import logging
from typing import Any

import numpy as np

from core.graph.load import INPUT, OUTPUT, Graph
from core.graph.network import Network
from core.graph.optimize import UnknownStructure, optimize
from core.runtime.canvas import Padding, cells, segment
from core.tensorflow import tf
from core.types import EngineOptions, Prediction, UInt8Array

UNNEEDED_REWRITES = (
    "arithmetic_optimization",
    "common_subgraph_elimination",
    "dependency_optimization",
    "function_optimization",
    "implementation_selector",
    "layout_optimizer",
    "loop_optimization",
    "shape_optimization",
)

logger = logging.getLogger(__name__)


class Engine:
    """Runs `graph` as `options` say. Several threads may call it at once; they share its CPU threads.

    TensorFlow has one pool of CPU threads for all sessions of a process, of the size that the first asks for.

    A graph that the optimizer does not know is run as it is, with a warning in the log, and so is any where not
    `optimized`; of the options only the threads count then.
    """

    def __init__(self, graph: Graph, options: EngineOptions, *, optimized: bool = True) -> None:
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=options.threads,
            # The network is one chain of nodes, so no second one could run beside the first: with a negative inter_op,
            # the caller's own thread runs them, and several callers don't wait for each other.
            inter_op_parallelism_threads=-1,
        )
        network = _optimize(graph, config) if optimized else None
        with tf.Graph().as_default():
            image = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
            outside = tf.compat.v1.placeholder(tf.float32, [None])
            least = tf.compat.v1.placeholder(tf.int32, [])
            if network:
                _disable_unneeded_rewrites(config)
                results = segment(network, image, outside, least, options.canvas)
            else:
                results = _import_unmodified(graph, image), tf.zeros([0]), tf.zeros([0])
            if network and options.precision == "bfloat16":
                rewrites = config.graph_options.rewrite_options
                rewrites.auto_mixed_precision_onednn_bfloat16 = type(rewrites).ON
            # With one signature, since TensorFlow keeps a copy of the weights for each.
            self._call = tf.compat.v1.Session(config=config).make_callable(list(results), [image, outside, least])
        self._logits_stride = network.logits_stride if network else None
        self._padding = None
        if network and options.canvas == "fit":
            # An image of no pixels leaves nothing but padding.
            nothing = np.zeros((0, 0, 3), np.uint8), np.zeros(1, np.float32)
            self._padding = Padding(self._call(*nothing, cells(network.side))[2])

    def run(self, image: UInt8Array) -> UInt8Array:
        """Return the class id of each pixel, uint8 [height, width], of `image`, uint8 [height, width, 3] in RGB."""
        return self.predict(image).seg_map

    def predict(self, image: UInt8Array) -> Prediction:
        """Return the class id of each pixel of `image`, uint8 [height, width, 3] in RGB, and the logits behind them."""
        outside = self._padding.outside(*image.shape[:2]) if self._padding else np.zeros(0, np.float32)
        seg_map, logits, _ = self._call(image, outside, 0)
        return Prediction(seg_map, logits if self._logits_stride else None, self._logits_stride or 1)


def _optimize(graph: Graph, config: Any) -> Network | None:
    try:
        return optimize(graph, config)
    except UnknownStructure as error:
        logger.warning("%s: the graph is run as it is, slower and for no image over its own size", error)
        return None


def _import_unmodified(graph: Graph, image: Any) -> Any:
    """Return the label map, uint8 [height, width], that `graph` makes of `image` by itself."""
    [output] = tf.import_graph_def(
        graph.graph_def, name="", input_map={INPUT: image[tf.newaxis]}, return_elements=[f"{OUTPUT}:0"]
    )
    # Narrowed inside the session: class ids fit in a byte, and a map of int64 is eight times the memory.
    return tf.cast(output[0], tf.uint8)


def _disable_unneeded_rewrites(config: Any) -> None:
    """Let `config` do without what makes copies of an optimized network's weights."""
    # The graph does not change any more, so none has to be kept to be extended.
    config.experimental.optimize_for_static_graph = True
    # Of TensorFlow's own rewrites, only folding constants, fusing and mixing precisions find something here.
    rewrites = config.graph_options.rewrite_options
    for unneeded in UNNEEDED_REWRITES:
        setattr(rewrites, unneeded, type(rewrites).OFF)
    rewrites.memory_optimization = type(rewrites).NO_MEM_OPT
    rewrites.disable_model_pruning = rewrites.disable_tfg_optimizer = True
