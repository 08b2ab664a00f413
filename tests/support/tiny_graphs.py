"""Small graphs for tests of the graph compiler."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.graph.editor import GraphEditor
from core.graph.frozen_graph import INPUT as SERVED_INPUT
from core.graph.frozen_graph import OUTPUT as SERVED_OUTPUT
from core.tensorflow import tf

RANDOM = np.random.default_rng(7)
INPUT, OUTPUT = "input", "output"


def normal(*shape: int) -> Any:
    """Return float32 values of the standard normal distribution."""
    return RANDOM.normal(size=shape).astype(np.float32)


def vector(channels: int) -> Any:
    """Return float32 values between 0.5 and 2, one per channel."""
    return RANDOM.uniform(0.5, 2, channels).astype(np.float32)


def build(model: Callable[[Any], Any], shape: tuple[int, ...] = (1, 13, 13, 4)) -> Any:
    """Return the GraphDef of `model` between INPUT and OUTPUT."""
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, (1, None, None, shape[-1]), name=INPUT)
        tf.identity(model(source), name=OUTPUT)
    return graph.as_graph_def()


def write_graph(path: Path, model: Callable[[], object]) -> Path:
    """Write the GraphDef of `model`, which names its own nodes, to `path`, and return `path`."""
    with tf.Graph().as_default() as graph:
        model()
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def run(graph_def: Any, image: Any, config: Any = None) -> Any:
    """Return OUTPUT of the graph for the INPUT `image`."""
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session(config=config) as session:
            return session.run(f"{OUTPUT}:0", {f"{INPUT}:0": image})


def assert_same_output(after: Any, before: Any, size: int = 5, *, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Assert that the graphs `after` and `before` give the same OUTPUT for a random INPUT, [1, size, size, 4]."""
    image = RANDOM.normal(size=(1, size, size, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=rtol, atol=atol)


def rewritten(simplify: Callable[[GraphEditor], None], graph_def: Any) -> tuple[Any, list[str]]:
    """Return the graph after the pass `simplify`, and the operations of its nodes."""
    graph = GraphEditor(graph_def)
    simplify(graph)
    graph.prune([OUTPUT])
    return graph.graph_def(), [node.op for node in graph]


def depthwise(x: Any, kernel: Any, padding: str = "VALID") -> Any:
    """Add a depthwise convolution with stride 1."""
    return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], padding)


def full(x: Any, kernel: Any, padding: str = "VALID") -> Any:
    """Add a convolution over all channels with stride 1."""
    return tf.nn.conv2d(x, kernel, 1, padding)


def pointwise(x: Any, channels: int) -> Any:
    """Add a 1 x 1 convolution to `channels` channels with a random kernel and bias."""
    return tf.nn.bias_add(full(x, normal(1, 1, x.shape[-1], channels), "SAME"), normal(channels))


def graft(graph_def: Any, edges: Any, *, cut: tuple[str, str], at: tuple[str, str], size: int) -> Any:
    """Return `edges` with its network replaced by that of `graph_def`.

    `cut` names the padded image and the logits of `graph_def`, `at` those of `edges`. `edges` resizes its logits to the
    size that it was exported for; in the result this is `size`, the height and width of the logits of `graph_def`.
    """
    inner, outer = GraphEditor(graph_def), GraphEditor(edges)
    inner.nodes[cut[0]].ClearField("input")
    network = inner.ancestors([cut[1]]) - {cut[0]}
    preprocessing = outer.ancestors([at[0]])
    [resize] = (node for node in outer.consumers(outer.nodes[at[1]]) if node.op == "ResizeBilinear")
    resize.input[1] = outer.add_constant("size", np.array([size, size], np.int32)).name
    outer.nodes[at[1]].ClearField("input")
    kept = preprocessing | outer.ancestors([SERVED_OUTPUT]) - {at[1]}
    # New names by old names: the prefix keeps names of both graphs apart.
    outer_names = {name: name if name in (SERVED_INPUT, SERVED_OUTPUT) else f"edges/{name}" for name in kept}
    inner_names = {name: name for name in network}
    grafted = tf.compat.v1.GraphDef()
    for nodes, names, inputs in (
        (outer.nodes, outer_names, outer_names | {at[1]: cut[1]}),
        (inner.nodes, inner_names, inner_names | {cut[0]: outer_names[at[0]]}),
    ):
        for name in sorted(names):
            node = grafted.node.add()
            node.CopyFrom(nodes[name])
            node.name = names[name]
            node.input[:] = [inputs[source] for source in node.input]
    return grafted
