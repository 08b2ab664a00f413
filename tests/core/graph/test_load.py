"""Reading a graph: the real one is taken, everything else is told what was expected and what was found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ModelError
from core.graph.load import read_graph
from core.tensorflow import tf
from core.weights.registry import MOBILE
from tests.support.tiny_graphs import write_graph


def test_the_mobile_graph_has_21_classes() -> None:
    graph = read_graph(MOBILE)
    assert graph.num_classes == 21
    assert len(graph.graph_def.node) == 389


def small_model(dtype: tf.DType = tf.uint8, classes: int | None = 3) -> None:
    image = tf.compat.v1.placeholder(dtype, [1, None, None, 3], name="ImageTensor")
    logits = tf.repeat(tf.cast(image[..., :1], tf.float32), classes or 1, axis=-1)
    logits = tf.compat.v1.placeholder_with_default(logits, [1, None, None, classes])
    tf.identity(tf.argmax(logits, axis=-1), name="SemanticPredictions")


def no_argmax() -> None:
    image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
    tf.cast(image[..., 0], tf.int64, name="SemanticPredictions")


def test_the_number_of_classes_comes_from_the_logits(tmp_path: Path) -> None:
    assert read_graph(write_graph(tmp_path / "small.pb", small_model)).num_classes == 3


def broken(path: Path) -> Path:
    graph_def = tf.compat.v1.GraphDef()
    graph_def.node.add(name="a", op="Identity", input=["not there"])
    path.write_bytes(graph_def.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "can't be read: No such file"),
        (lambda path: (path.write_text("a text file, not a graph"), path)[1], "expected a serialized.*'a text file"),
        (lambda path: (path.write_bytes(b""), path)[1], "found 0 bytes without a node"),
        (lambda path: (path.write_bytes(MOBILE.read_bytes()[:1000000]), path)[1], "expected a serialized"),
        (
            lambda path: write_graph(path, lambda: tf.constant(1, name="other")),
            "a node ImageTensor.*found 1 others.*other",
        ),
        (
            lambda path: write_graph(path, lambda: small_model(tf.float32)),
            "ImageTensor of Placeholder, uint8; found.*float32",
        ),
        (lambda path: write_graph(path, no_argmax), "expected an ArgMax above SemanticPredictions"),
        (lambda path: write_graph(path, lambda: small_model(classes=300)), r"logits of 2 to 256.*300"),
        (lambda path: write_graph(path, lambda: small_model(classes=None)), r"logits of 2 to 256.*None"),
        (broken, "found a broken one.*not there"),
    ],
)
def test_a_wrong_file_is_refused(make: Callable[[Path], Path], message: str, tmp_path: Path) -> None:
    path = make(tmp_path / "wrong.pb")
    with pytest.raises(ModelError, match=f"(?s)wrong.pb.*{message}"):
        read_graph(path)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_truncated_graph_is_refused(tenth: int, tmp_path: Path) -> None:
    path = tmp_path / "cut.pb"
    content = MOBILE.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(ModelError, match=r"cut\.pb"):
        read_graph(path)
