"""The engines to compare, and a loader for each.

A loader takes the folder of graphs, which benchmarks.engines.converters has filled, and a number of threads. It returns
a function from an image, uint8 [height, width, 3] in RGB, to the class id of each pixel, integers [height, width].
"""

# Each function imports its engine, so that the memory and load time of a process are those of one engine.
# ruff: noqa: PLC0415
# The other engines have no types, and `make check` does not install them.
# mypy: disable-error-code="import-not-found, import-untyped"

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.runtime.cpu import computes_bfloat16, computes_int8
from core.types import EngineOptions, UInt8Array

Labels = npt.NDArray[Any]
Run = Callable[[UInt8Array], Labels]
Load = Callable[[Path, int], Run]

INPUT, OUTPUT = "ImageTensor:0", "SemanticPredictions:0"
# Files in the folder of graphs: the frozen graph, beside it its calibration for our int8, and those of the converters.
GRAPH = "frozen.pb"
ONNX, TFLITE, INT8 = "graph.onnx", "graph.tflite", "int8.xml"
# The graph pads an image at the right and the bottom to a square of CANVAS pixels, with the value MEAN.
CANVAS = 513
MEAN = 127.5
# Keeps OpenVINO and NNCF from sending usage statistics.
SILENT = {"CI": "true", "NNCF_CI": "1"}
# Height and width of the matrices whose product measures the machine's peak.
MATRIX_SIDE = 2048


def resized(photo: Image.Image, size: int) -> UInt8Array:
    """Return `photo`, uint8 [height, width, 3] in RGB, with a long side of `size` pixels, resized as by the service."""
    width, height = (max(1, side * size // max(photo.size)) for side in photo.size)
    return np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def open_ours(graph: Path, threads: int, **options: Any) -> Run:
    """Load `graph` into the service's engine; `options` are those of EngineOptions."""
    from core.graph.frozen_graph import read_graph
    from core.runtime.engine import Engine

    return Engine(read_graph(graph), EngineOptions(threads=threads, **options)).run


def open_stock(graph: Path, threads: int) -> Run:
    """Load the unmodified `graph` into a TensorFlow session with default options."""
    from core.tensorflow import tf

    with tf.Graph().as_default():
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(graph.read_bytes()), name="")
        session = tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads))
    return lambda image: session.run(OUTPUT, {INPUT: image[np.newaxis]})[0]


def load_ours(models: Path, threads: int, **options: Any) -> Run:
    """Load the frozen graph into the service's engine; `options` are those of EngineOptions."""
    return open_ours(models / GRAPH, threads, **options)


def load_stock(models: Path, threads: int) -> Run:
    """Load the frozen graph, unmodified, into TensorFlow."""
    return open_stock(models / GRAPH, threads)


def load_onnxruntime(models: Path, threads: int) -> Run:
    """Load the graph of convert_to_onnx() into ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(models / ONNX, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run([OUTPUT], {INPUT: image[np.newaxis]})[0][0]


def load_openvino(models: Path, threads: int, precision: str, quantized: bool = False) -> Run:
    """Load the unmodified graph, which OpenVINO can read, or that of quantize().

    `precision` is the number format of the operations that are not quantized.
    """
    os.environ |= SILENT
    import openvino

    options = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": str(threads),
        "PERFORMANCE_HINT": "LATENCY",
    }
    model = openvino.Core().compile_model(models / (INT8 if quantized else GRAPH), "CPU", options)
    return lambda image: model([image[np.newaxis]])[0][0]


def load_litert(models: Path, threads: int) -> Run:
    """Load the graph of convert_to_litert() into LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(models / TFLITE), num_threads=threads)
    interpreter.allocate_tensors()
    [canvas], [labels] = interpreter.get_input_details(), interpreter.get_output_details()

    def run(image: UInt8Array) -> Labels:
        height, width, _ = image.shape
        padded = np.full(canvas["shape"], MEAN, np.float32)
        padded[0, :height, :width] = image
        interpreter.set_tensor(canvas["index"], padded)
        interpreter.invoke()
        found: Labels = interpreter.get_tensor(labels["index"])
        return found[0, :height, :width]

    return run


def load_matrix_product(_models: Path, threads: int, precision: str) -> Run:
    """Load no engine, but a product of two matrices that measures the machine's peak; its input is ignored."""
    from core.tensorflow import tf

    with tf.Graph().as_default():
        ones = tf.compat.v1.Variable(tf.ones([MATRIX_SIDE, MATRIX_SIDE], precision))
        product = tf.matmul(ones, ones).op
        session = tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads))
        session.run(ones.initializer)

    def run(image: UInt8Array) -> Labels:
        session.run(product)
        return image[..., 0]

    return run


STOCK = "TensorFlow, stock graph"
QUANTIZED = "OpenVINO, int8 by NNCF"
ONNX_RUNTIME, LITERT = "ONNX Runtime", "LiteRT (XNNPACK)"
# A CPU that does not compute bfloat16 in hardware has no kernels for it, or emulates it.
FLOATS = ("float32", "bfloat16") if computes_bfloat16() else ("float32",)
OPENVINO_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}
OURS = {
    f"ours, {canvas} canvas, {precision}": partial(load_ours, canvas=canvas, precision=precision)
    for precision in (*FLOATS, *(["int8"] if computes_int8() else []))
    for canvas in ("fixed", "fit")
}
ENGINES: dict[str, Load] = {
    STOCK: load_stock,
    **OURS,
    ONNX_RUNTIME: load_onnxruntime,
    **{
        f"OpenVINO, {precision}": partial(load_openvino, precision=OPENVINO_PRECISIONS[precision])
        for precision in FLOATS
    },
    # The operations that are not quantized run in float32, which is faster here than bfloat16, and as accurate.
    QUANTIZED: partial(load_openvino, precision="f32", quantized=True),
    LITERT: load_litert,
}
MATRIX_PRODUCTS: dict[str, Load] = {
    precision: partial(load_matrix_product, precision=precision) for precision in FLOATS
}
