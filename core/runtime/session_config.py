"""The configuration of TensorFlow's sessions: their CPU threads, and the graph rewrites that are worth their time."""

from typing import Any

from core.tensorflow import tf
from core.types import Precision

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


def session_config(threads: int, precision: Precision | None = None) -> Any:
    """Return the ConfigProto of a session with `threads` CPU threads, for an optimized network of `precision` if given.

    Without one, TensorFlow's graph rewrites are those of its default.
    """
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads,
        # The network is a chain of nodes, so no two of them can run in parallel. A negative number makes the calling
        # thread run them, so that several callers do not wait for each other.
        inter_op_parallelism_threads=-1,
    )
    if precision:
        _configure_rewrites(config, precision)
    return config


def _configure_rewrites(config: Any, precision: Precision) -> None:
    """Set `precision`, and turn off TensorFlow's graph rewrites that only copy the weights of an optimized network.

    Only constant folding, fusing and mixed precision improve such a network.
    """
    # TensorFlow documents these fields in tensorflow/core/protobuf/config.proto and rewriter_config.proto, but its API
    # guarantees do not cover them. The public tf.config.optimizer.set_experimental_options() acts on the whole process
    # and lacks some of them, such as memory_optimization.
    config.experimental.optimize_for_static_graph = True  # the session needs no copy of the graph to extend it later
    rewrites = config.graph_options.rewrite_options
    on, off = type(rewrites).ON, type(rewrites).OFF
    for rewrite in UNNEEDED_REWRITES:
        setattr(rewrites, rewrite, off)
    rewrites.memory_optimization = type(rewrites).NO_MEM_OPT
    rewrites.disable_model_pruning = rewrites.disable_tfg_optimizer = True
    if precision == "bfloat16":
        rewrites.auto_mixed_precision_onednn_bfloat16 = on


def rewritten_session_config(threads: int) -> Any:
    """Return the ConfigProto of a session with `threads` CPU threads for a graph that TensorFlow has rewritten."""
    config = session_config(threads)
    config.experimental.optimize_for_static_graph = True  # the session needs no copy of the graph to extend it later
    config.experimental.disable_output_partition_graphs = True  # nor one to show
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config
