"""The formats of exported graphs: each writes one, and runs what it has written in its own engine."""

# Each function imports its own engine, which takes seconds; those of other engines are optional.
# ruff: noqa: PLC0415
# mypy: disable-error-code="import-not-found, import-untyped"

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from core.errors import ModelError
from core.types import UInt8Array

# Returns the labels, uint8 [height, width], of an image, uint8 [height, width, 3].
Run: TypeAlias = Callable[[UInt8Array], UInt8Array]
OPSET = 18  # of ONNX; onnxruntime reads it since version 1.14
REQUIREMENTS = "commands/export/requirements.txt"


@dataclass(frozen=True, slots=True)
class Format:
    """A format: `write` writes the GraphDef of core.export to a path, and `load` returns what runs that file.

    With `one_size` its engine plans for images of one size; with `dilates` it computes large dilations itself.
    """

    name: str
    write: Callable[[Any, Path], None]
    load: Callable[[Path], Run]
    one_size: bool = False
    dilates: bool = False


@contextmanager
def optional_packages() -> Iterator[None]:
    """Raise ModelError if a package that is imported in this context is missing."""
    try:
        yield
    except ImportError as error:
        raise ModelError(f"this format needs more packages ({error}): pip install -r {REQUIREMENTS}") from error


def write_graph_def(graph_def: Any, path: Path) -> None:
    """Write a frozen GraphDef."""
    path.write_bytes(graph_def.SerializeToString())


def load_graph_def(path: Path) -> Run:
    """Return what runs a frozen GraphDef in TensorFlow."""
    from core.export import INPUT, LABELS
    from core.tensorflow import tf

    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(path.read_bytes()), name="")
    session = tf.compat.v1.Session(graph=graph)
    return lambda image: np.asarray(session.run(f"{LABELS}:0", {f"{INPUT}:0": image}))


def write_saved_model(graph_def: Any, path: Path) -> None:
    """Write a SavedModel with the signature serving_default."""
    from core.export import LABELS, LOGITS
    from core.tensorflow import tf

    module = tf.Module()
    module.serve = _function(graph_def, LABELS, LOGITS)
    tf.saved_model.save(module, str(path), module.serve)


def load_saved_model(path: Path) -> Run:
    """Return what runs a SavedModel in TensorFlow."""
    from core.export import INPUT, LABELS
    from core.tensorflow import tf

    run = tf.saved_model.load(str(path)).signatures["serving_default"]
    return lambda image: np.asarray(run(**{INPUT: tf.constant(image)})[LABELS])


def write_onnx(graph_def: Any, path: Path) -> None:
    """Write ONNX. Raises ModelError without the converter."""
    from core.export import INPUT, LABELS, LOGITS
    from core.tensorflow import tf

    with optional_packages():
        import onnx
        import tf2onnx
    tf.get_logger().setLevel(logging.ERROR)  # tf2onnx calls deprecated functions
    names = [f"{LABELS}:0", f"{LOGITS}:0"]
    model, _ = tf2onnx.convert.from_graph_def(graph_def, input_names=[f"{INPUT}:0"], output_names=names, opset=OPSET)
    for node in model.graph.node:
        _pad_explicitly(node, onnx.helper.make_attribute)
    onnx.save(model, path)


def _pad_explicitly(node: Any, make_attribute: Callable[[str, list[int]], Any]) -> None:
    """Write the padding of a dilated convolution as numbers: onnxruntime computes none with an auto_pad of SAME.

    The stride of a dilated convolution is 1, so that the padding does not depend on the size of the image.
    """
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type != "Conv" or max(attributes["dilations"].ints) == 1 or "auto_pad" not in attributes:
        return
    sizes = zip(attributes["dilations"].ints, attributes["kernel_shape"].ints, strict=True)
    padding = [dilation * (kernel - 1) for dilation, kernel in sizes]
    node.attribute.remove(attributes["auto_pad"])
    before = [size // 2 for size in padding]
    node.attribute.append(make_attribute("pads", [*before, *np.subtract(padding, before).tolist()]))


def load_onnx(path: Path) -> Run:
    """Return what runs ONNX in onnxruntime. Raises ModelError without it."""
    from core.export import INPUT, LABELS

    with optional_packages():
        import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda image: np.asarray(session.run([f"{LABELS}:0"], {f"{INPUT}:0": image})[0])


def write_tflite(graph_def: Any, path: Path) -> None:
    """Write TensorFlow Lite, now LiteRT, with the labels as its only output."""
    from core.export import LABELS
    from core.tensorflow import tf

    function = _function(graph_def, LABELS)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], function)
    path.write_bytes(converter.convert())


def load_tflite(path: Path) -> Run:
    """Return what runs TensorFlow Lite in LiteRT. Raises ModelError without it."""
    with optional_packages():
        from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    [given], [found] = interpreter.get_input_details(), interpreter.get_output_details()

    def run(image: UInt8Array) -> UInt8Array:
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(found["index"]))

    return run


def _function(graph_def: Any, *outputs: str) -> Any:
    """Return the tf.function of the graph with the `outputs` by name."""
    from core.export import INPUT
    from core.tensorflow import tf

    [shape] = [node.attr["shape"].shape for node in graph_def.node if node.name == INPUT]
    names = [f"{name}:0" for name in outputs]

    def run(image: Any) -> dict[str, Any]:
        found = tf.import_graph_def(graph_def, {INPUT: image}, names, name="")
        return dict(zip(outputs, found, strict=True))

    return tf.function(run, input_signature=[tf.TensorSpec(tf.TensorShape(shape), tf.uint8, INPUT)])


# By the suffix of the file; a name without one is the folder of a SavedModel.
FORMATS = {
    ".pb": Format("a frozen GraphDef", write_graph_def, load_graph_def),
    "": Format("a SavedModel", write_saved_model, load_saved_model),
    ".onnx": Format("ONNX", write_onnx, load_onnx, dilates=True),
    ".tflite": Format("TensorFlow Lite", write_tflite, load_tflite, one_size=True),
}
