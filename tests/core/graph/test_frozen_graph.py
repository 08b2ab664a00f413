"""Reading a graph: DeepLab graphs are accepted; for any other file the error tells what was expected and found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ModelError
from core.graph.frozen_graph import read_graph
from core.tensorflow import tf
from core.weights.registry import MOBILE
from tests.support.tiny_graphs import write_graph


def test_read_graph_of_mobile_model_finds_21_classes() -> None:
    graph = read_graph(MOBILE)
    assert graph.num_classes == 21
    assert len(graph.graph_def.node) == 389


def small_model(dtype: tf.DType = tf.uint8, classes: int | None = 3) -> None:
    """Add the smallest graph that is accepted, if `dtype` and `classes` are."""
    image = tf.compat.v1.placeholder(dtype, [1, None, None, 3], name="ImageTensor")
    logits = tf.repeat(tf.cast(image[..., :1], tf.float32), classes or 1, axis=-1)
    logits = tf.compat.v1.placeholder_with_default(logits, [1, None, None, classes])
    tf.identity(tf.argmax(logits, axis=-1), name="SemanticPredictions")


def no_argmax() -> None:
    """Add a graph with the right input and output, but without an ArgMax."""
    image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
    tf.cast(image[..., 0], tf.int64, name="SemanticPredictions")


def test_read_graph_counts_the_classes_of_the_logits(tmp_path: Path) -> None:
    assert read_graph(write_graph(tmp_path / "small.pb", small_model)).num_classes == 3


def write_dangling_input(path: Path) -> Path:
    """Write a graph of one node, whose input does not exist, to `path`, and return `path`."""
    graph_def = tf.compat.v1.GraphDef()
    graph_def.node.add(name="a", op="Identity", input=["not there"])
    path.write_bytes(graph_def.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "can't be read: No such file"),
        (lambda path: (path.write_text("a text file, not a graph"), path)[1], "expected a serialized.*'a text file"),
        (lambda path: (path.write_bytes(b""), path)[1], "found a graph without nodes in 0 bytes"),
        (lambda path: (path.write_bytes(MOBILE.read_bytes()[:1000000]), path)[1], "expected a serialized"),
        (
            lambda path: write_graph(path, lambda: tf.constant(1, name="other")),
            "a Placeholder ImageTensor.*found 1 other nodes, other",
        ),
        (
            lambda path: write_graph(path, lambda: small_model(tf.float32)),
            "Placeholder ImageTensor with one uint8 output; found.*float32",
        ),
        (lambda path: write_graph(path, no_argmax), "expected an ArgMax before SemanticPredictions"),
        (lambda path: write_graph(path, lambda: small_model(classes=300)), r"logits of 2 to 256.*300"),
        (lambda path: write_graph(path, lambda: small_model(classes=None)), r"logits of 2 to 256.*None"),
        (write_dangling_input, "found an invalid one.*not there"),
    ],
)
def test_read_graph_of_wrong_file_raises_model_error(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "wrong.pb")
    with pytest.raises(ModelError, match=f"(?s)wrong.pb.*{message}"):
        read_graph(path)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_read_graph_of_truncated_file_raises_model_error(tenth: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.pb"
    content = MOBILE.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(ModelError, match=r"cut\.pb"):
        read_graph(path)
