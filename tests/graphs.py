"""Tiny graphs to try the passes on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from core.rewriter import Rewriter

RANDOM = np.random.default_rng(7)
INPUT, OUTPUT = "input", "output"


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def vector(channels: int) -> Any:
    return RANDOM.uniform(0.5, 2, channels).astype(np.float32)


def build(model: Callable[[Any], Any], shape: tuple[int, ...] = (1, 13, 13, 4)) -> Any:
    """Return the GraphDef of `model` between INPUT and OUTPUT."""
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, (1, None, None, shape[-1]), name=INPUT)
        tf.identity(model(source), name=OUTPUT)
    return graph.as_graph_def()


def run(graph_def: Any, image: Any, config: Any = None) -> Any:
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session(config=config) as session:
            return session.run(f"{OUTPUT}:0", {f"{INPUT}:0": image})


def rewritten(simplify: Callable[[Rewriter], None], graph_def: Any) -> tuple[Any, list[str]]:
    """Return the graph after one pass, and the operations it is left with."""
    graph = Rewriter(graph_def)
    simplify(graph)
    graph.prune([OUTPUT])
    return graph.graph_def(), [node.op for node in graph]


def depthwise(x: Any, kernel: Any, padding: str = "VALID") -> Any:
    return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], padding)


def full(x: Any, kernel: Any, padding: str = "VALID") -> Any:
    return tf.nn.conv2d(x, kernel, 1, padding)


def pointwise(x: Any, kernel: Any, bias: Any) -> Any:
    return tf.nn.bias_add(full(x, kernel, "SAME"), bias)
