"""Editing a GraphDef."""

import numpy as np
import pytest

from core.graph.editor import GraphEditor, channel_vector
from core.tensorflow import tf


def chain() -> GraphEditor:
    """Return an editor of a constant `a`, `b` = Relu(a) and `c` = b + b."""
    with tf.Graph().as_default() as graph:
        a = tf.constant([1.0, 2.0], name="a")
        b = tf.nn.relu(a, name="b")
        tf.add(b, b, name="c")
    return GraphEditor(graph.as_graph_def())


def test_editor_copies_nodes_without_output_numbers_and_devices() -> None:
    graph_def = tf.compat.v1.GraphDef()
    graph_def.node.add(name="x", op="Const", device="/gpu:0")
    graph_def.node.add(name="y", op="Relu", input=["x:0"])
    graph = GraphEditor(graph_def)
    assert list(graph.nodes["y"].input) == ["x"]
    assert graph.nodes["x"].device == ""
    assert list(graph_def.node[1].input) == ["x:0"]


def test_replace_then_prune_removes_the_replaced_node() -> None:
    graph = chain()
    a, b = graph.nodes["a"], graph.nodes["b"]
    assert [node.name for node in graph.consumers(b)] == ["c"]
    graph.replace(b, a)
    assert [node.name for node in graph.inputs(graph.nodes["c"])] == ["a", "a"]
    graph.prune(["c"])
    assert set(graph.nodes) == {"a", "c"}


def test_constant_returns_values_of_constants_only() -> None:
    graph = chain()
    value = graph.constant(graph.nodes["a"])
    assert value is not None
    assert value.tolist() == [1, 2]
    assert graph.constant(graph.nodes["b"]) is None
    assert graph.constants([graph.nodes["a"], graph.nodes["b"]]) is None


def test_add_constant_with_taken_name_appends_underscore() -> None:
    assert chain().add_constant("a", np.ones(3, np.float32)).name == "a_"


def test_add_with_unknown_attribute_type_raises_type_error() -> None:
    graph = chain()
    with pytest.raises(TypeError, match="no attribute type for"):
        graph.add("Relu", "d", [graph.nodes["a"]], strange=object())


@pytest.mark.parametrize(
    ("shape", "channels"), [((3,), 3), ((1, 1, 1, 3), 3), ((1,), 1), ((3, 1), None), ((2, 3), None), ((), None)]
)
def test_channel_vector_returns_one_number_per_channel_or_none(shape: tuple[int, ...], channels: int | None) -> None:
    vector = channel_vector(np.ones(shape, np.float32))
    assert (None if vector is None else vector.shape) == (None if channels is None else (channels,))


def test_descendants_are_the_nodes_that_depend_on_one() -> None:
    graph = chain()
    graph.add("Relu", "other", [graph.add_constant("d", np.ones(3, np.float32))])
    assert graph.descendants(["b"]) == {"b", "c"}
    assert graph.descendants(["a", "d"]) == {"a", "b", "c", "d", "other"}


def test_node_that_takes_the_name_of_a_constant_is_a_consumer() -> None:
    graph = chain()
    b = graph.nodes["b"]
    del graph.nodes["a"]
    graph.add("Neg", "a", [b])
    assert [node.name for node in graph.consumers(b)] == ["c", "a"]
