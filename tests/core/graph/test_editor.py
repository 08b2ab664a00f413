"""Editing a GraphDef."""

import numpy as np
import pytest

from core.graph.editor import GraphEditor, vector
from core.tensorflow import tf


def chain() -> GraphEditor:
    with tf.Graph().as_default() as graph:
        a = tf.constant([1.0, 2.0], name="a")
        b = tf.nn.relu(a, name="b")
        tf.add(b, b, name="c")
    return GraphEditor(graph.as_graph_def())


def test_names_are_those_of_the_tensors() -> None:
    graph_def = tf.compat.v1.GraphDef()
    graph_def.node.add(name="x", op="Const", device="/gpu:0")
    graph_def.node.add(name="y", op="Relu", input=["x:0"])
    graph = GraphEditor(graph_def)
    assert list(graph.nodes["y"].input) == ["x"]
    assert graph.nodes["x"].device == ""
    assert list(graph_def.node[1].input) == ["x:0"]  # the original is left alone


def test_replace_and_prune() -> None:
    graph = chain()
    a, b = graph.nodes["a"], graph.nodes["b"]
    assert [node.name for node in graph.consumers(b)] == ["c"]
    graph.replace(b, a)
    assert [node.name for node in graph.inputs(graph.nodes["c"])] == ["a", "a"]
    graph.prune(["c"])
    assert set(graph.nodes) == {"a", "c"}


def test_constants() -> None:
    graph = chain()
    value = graph.constant(graph.nodes["a"])
    assert value is not None
    assert value.tolist() == [1, 2]
    assert graph.constant(graph.nodes["b"]) is None
    assert graph.constants([graph.nodes["a"], graph.nodes["b"]]) is None
    added = graph.add_constant("a", np.ones(3, np.float32))
    assert added.name == "a_"


def test_unknown_attributes_are_refused() -> None:
    graph = chain()
    with pytest.raises(TypeError, match="no attribute for"):
        graph.add("Relu", "d", [graph.nodes["a"]], strange=object())


@pytest.mark.parametrize(
    ("shape", "channels"), [((3,), 3), ((1, 1, 1, 3), 3), ((1,), 1), ((3, 1), None), ((2, 3), None), ((), None)]
)
def test_a_vector_has_one_number_per_channel(shape: tuple[int, ...], channels: int | None) -> None:
    found = vector(np.ones(shape, np.float32))
    assert (None if found is None else found.shape) == (None if channels is None else (channels,))
