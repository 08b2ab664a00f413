"""Tiny graphs to try the passes on."""

from collections.abc import Callable
from typing import Any

import numpy as np

from core.graph.load import INPUT as SERVED_INPUT
from core.graph.load import OUTPUT as SERVED_OUTPUT
from core.graph.editor import Rewriter
from core.tensorflow import tf

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


def graft(graph_def: Any, edges: Any, *, cut: tuple[str, str], at: tuple[str, str], size: int) -> Any:
    """Return the network of `graph_def` between the edges of the graph `edges`.

    `cut` names the canvas and the logits of `graph_def`, `at` those of `edges`; `size` is the side of the logits, to
    which such an exporter's edges resize them once more.
    """
    inner, outer = Rewriter(graph_def), Rewriter(edges)
    inner.nodes[cut[0]].ClearField("input")
    body = inner.ancestors([cut[1]]) - {cut[0]}
    front = outer.ancestors([at[0]])
    [resize] = (node for node in outer.consumers(outer.nodes[at[1]]) if node.op == "ResizeBilinear")
    resize.input[1] = outer.add_constant("size", np.array([size, size], np.int32)).name
    outer.nodes[at[1]].ClearField("input")
    around = front | outer.ancestors([SERVED_OUTPUT]) - {at[1]}
    outside = {name: name if name in (SERVED_INPUT, SERVED_OUTPUT) else f"edges/{name}" for name in around}
    inside = {name: name for name in body}
    grafted = tf.compat.v1.GraphDef()
    for nodes, names, inputs in (
        (outer.nodes, outside, outside | {at[1]: cut[1]}),
        (inner.nodes, inside, inside | {cut[0]: outside[at[0]]}),
    ):
        for name in sorted(names):
            node = grafted.node.add()
            node.CopyFrom(nodes[name])
            node.name = names[name]
            node.input[:] = [inputs[input_] for input_ in node.input]
    return grafted
