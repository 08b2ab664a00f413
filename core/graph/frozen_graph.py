"""Reads a frozen DeepLab graph from a file; checks its input and output and counts its classes."""

from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from core.errors import ModelError
from core.graph.editor import without_weights
from core.labels import MAX_CLASSES
from core.tensorflow import tf
from core.weights.archive import read_graph_file

INPUT = "ImageTensor"
OUTPUT = "SemanticPredictions"


@dataclass(frozen=True)
class Graph:
    """A frozen graph that maps INPUT, uint8 [1, height, width, 3], to OUTPUT, int64 [1, height, width].

    It was read from the file `path`. A calibration for int8 may lie beside it.
    """

    graph_def: tf.compat.v1.GraphDef
    num_classes: int
    path: Path


def read_graph(path: Path) -> Graph:
    """Return the graph in `path`, a serialized GraphDef (.pb) or an archive that holds one (.tar.gz, .tar).

    Raises ModelError if the file can't be read or is not a DeepLab graph.
    """
    content = read_graph_file(path)
    expected = f"{path} is not a frozen DeepLab graph: expected a serialized TensorFlow GraphDef"
    try:
        graph_def = tf.compat.v1.GraphDef.FromString(content)
    except DecodeError:
        raise ModelError(f"{expected}, found {len(content):,} bytes that begin with {content[:16]!r}") from None
    if not graph_def.node:
        raise ModelError(f"{expected}, found a graph without nodes in {len(content):,} bytes")
    del content
    graph = tf.Graph()
    with graph.as_default():
        try:
            tf.import_graph_def(without_weights(graph_def), name="")
        except ValueError as error:
            raise ModelError(f"{expected}, found an invalid one: {error}") from error
    _check(graph, path, INPUT, "Placeholder", tf.uint8)
    output = _check(graph, path, OUTPUT, None, tf.int64)
    return Graph(graph_def, _count_classes(output, path), path)


def _check(graph: tf.Graph, path: Path, name: str, kind: str | None, dtype: tf.DType) -> tf.Operation:
    """Return the node `name` of `graph`.

    Raises ModelError unless the node has exactly one output, of type `dtype`, and is an operation of `kind`, if given.
    """
    expected = f"{path} is not a frozen DeepLab graph: expected a {kind or 'node'} {name} with one {dtype.name} output"
    try:
        node = graph.get_operation_by_name(name)
    except KeyError:
        names = [operation.name for operation in graph.get_operations()]
        raise ModelError(f"{expected}; found {len(names)} other nodes, {names[0]} to {names[-1]}") from None
    dtypes = [output.dtype for output in node.outputs]
    if dtypes != [dtype] or kind not in (None, node.type):
        found = ", ".join(output_dtype.name for output_dtype in dtypes) or "no"
        raise ModelError(f"{expected}; found a {node.type} with {found} output")
    return node


def _count_classes(output: tf.Operation, path: Path) -> int:
    """Return the size of the last axis of the logits, which the ArgMax before `output` reads."""
    node = output
    while node.type != "ArgMax":
        if not node.inputs:
            raise ModelError(f"{path} is not a frozen DeepLab graph: expected an ArgMax before {OUTPUT}, found none")
        node = node.inputs[0].op
    shape = node.inputs[0].shape
    classes = shape[-1] if shape.rank else None
    if classes is None or not 2 <= classes <= MAX_CLASSES:
        raise ModelError(f"{path}: expected logits of 2 to {MAX_CLASSES} classes at {node.name}, found shape {shape}")
    return int(classes)
