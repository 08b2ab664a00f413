"""A TensorFlow session over a graph."""

from typing import cast

import numpy as np
import numpy.typing as npt

from core.graph import INPUT, OUTPUT, Graph
from core.tensorflow import tf

UInt8Array = npt.NDArray[np.uint8]


class Engine:
    """Runs `graph` on `threads` CPU threads. One call at a time: the threads work on it together."""

    def __init__(self, graph: Graph, threads: int) -> None:
        with tf.Graph().as_default() as tf_graph:
            tf.import_graph_def(graph.graph_def, name="")
            # Narrowed inside the session: class ids fit in a byte, and a map of int64 is eight times the memory.
            seg_map = tf.cast(tf_graph.get_tensor_by_name(f"{OUTPUT}:0")[0], tf.uint8)
            # The graph is one chain of nodes, so a second one never runs beside the first (inter_op).
            options = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
            self._session = tf.compat.v1.Session(config=options)
            self._call = self._session.make_callable(seg_map, [f"{INPUT}:0"])

    def run(self, image: UInt8Array) -> UInt8Array:
        """Return the class id of each pixel, uint8 [height, width], of `image`, uint8 [height, width, 3] in RGB."""
        return cast(UInt8Array, self._call(image[np.newaxis]))
