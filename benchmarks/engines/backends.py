"""The engines that are compared: from the one frozen graph to something that runs it.

A loader takes the folder of graphs and a number of threads, and returns a function from an image, uint8
[height, width, 3] in RGB, to the class id of each pixel, integers [height, width]. A converter writes what a loader
needs into that folder, in a process of its own, so that the conversion is no part of an engine's load time or memory.
"""

# Everything is imported by the process that runs it: an engine's memory and load time are then its own.
# ruff: noqa: PLC0415
# The peers have no types, and are not installed where types are checked.
# mypy: disable-error-code="import-not-found, import-untyped"

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.types import EngineOptions, UInt8Array

Labels = npt.NDArray[Any]
Run = Callable[[UInt8Array], Labels]
Load = Callable[[Path, int], Run]

INPUT, OUTPUT = "ImageTensor:0", "SemanticPredictions:0"
# In the folder of graphs: the frozen one, and the converted ones.
GRAPH = "frozen.pb"
ONNX, TFLITE, INT8 = "graph.onnx", "graph.tflite", "int8.xml"
CANVAS = 513  # the graph pads every image to this many pixels square, right and bottom, ...
MEAN = 127.5  # ... with this value
CALIBRATION_PHOTOS = 150
SILENT = {"CI": "true", "NNCF_CI": "1"}  # or OpenVINO and NNCF report their use over the network
PRODUCT = 2048  # side of the matrices whose product measures the machine's peak


def resized(photo: Image.Image, size: int) -> UInt8Array:
    """Return `photo` as uint8 RGB with its long side `size` pixels, the other floored, as the service resizes."""
    width, height = (max(1, side * size // max(photo.size)) for side in photo.size)
    return np.asarray(photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))


def load_ours(models: Path, threads: int, **options: Any) -> Run:
    from core.runtime.engine import Engine
    from core.graph.load import read_graph

    return Engine(read_graph(models / GRAPH), EngineOptions(threads=threads, **options)).run


def load_stock(models: Path, threads: int) -> Run:
    """The graph as it is, in a TensorFlow session as anyone would write it."""
    from core.tensorflow import tf

    with tf.Graph().as_default():
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString((models / GRAPH).read_bytes()), name="")
        session = tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads))
    return lambda image: session.run(OUTPUT, {INPUT: image[np.newaxis]})[0]


def load_onnxruntime(models: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(models / ONNX, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run([OUTPUT], {INPUT: image[np.newaxis]})[0][0]


def load_openvino(models: Path, threads: int, precision: str, quantized: bool = False) -> Run:
    """The graph as it is, which OpenVINO reads by itself, or quantized; `precision` of what is not quantized."""
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


def load_product(_models: Path, threads: int, precision: str) -> Run:
    """No engine: whatever the image, a product of two large square matrices, for the machine's peak."""
    from core.tensorflow import tf

    with tf.Graph().as_default():
        ones = tf.compat.v1.Variable(tf.ones([PRODUCT, PRODUCT], precision))
        product = tf.matmul(ones, ones).op
        session = tf.compat.v1.Session(config=tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads))
        session.run(ones.initializer)

    def run(image: UInt8Array) -> Labels:
        session.run(product)
        return image[..., 0]

    return run


def convert_to_onnx(models: Path) -> None:
    from core.tensorflow import tf  # before tf2onnx imports it, less quietly

    graph_def = tf.compat.v1.GraphDef.FromString((models / GRAPH).read_bytes())
    import onnx
    import tf2onnx

    model, _ = tf2onnx.convert.from_graph_def(graph_def, input_names=[INPUT], output_names=[OUTPUT], opset=18)
    onnx.save(model, models / ONNX)


def convert_to_litert(models: Path) -> None:
    """Convert what lies between the padding and the cropping: LiteRT plans its memory for one size.

    The graph's mean, 127.5, is no uint8, so the input is the padded canvas as float32; load_litert() pads and crops.
    """
    from core.tensorflow import tf

    graph_def = tf.compat.v1.GraphDef.FromString((models / GRAPH).read_bytes())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        canvas = tf.compat.v1.placeholder(tf.float32, [1, CANVAS, CANVAS, 3])
        [labels] = tf.import_graph_def(graph_def, {"ExpandDims_1": canvas}, ["ArgMax:0"])
        converter = tf.compat.v1.lite.TFLiteConverter.from_session(session, [canvas], [labels])
        (models / TFLITE).write_bytes(converter.convert())


def quantize(models: Path, photos: list[Path]) -> None:
    """Quantize to 8 bits by NNCF's post-training quantization, with its defaults, calibrated on `photos`."""
    os.environ |= SILENT
    import nncf
    import openvino

    def read(photo: Path) -> UInt8Array:
        return resized(Image.open(photo), CANVAS)[np.newaxis]

    model = openvino.Core().read_model(models / GRAPH)
    quantized = nncf.quantize(model, nncf.Dataset(photos, read), subset_size=len(photos))
    openvino.save_model(quantized, models / INT8, compress_to_fp16=False)


def count_multiply_adds(models: Path) -> int:
    """Return the multiply-adds of the graph's convolutions for one image of CANVAS x CANVAS pixels.

    Each pixel of a convolution's output takes kernel height x width x input channels of them for each output channel,
    a depthwise one's without the input channels. Cells that only SpaceToBatchND computes, and crops, don't count.
    """
    from core.tensorflow import tf

    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString((models / GRAPH).read_bytes()), name="")
        outputs, kernels = [], []
        for node in graph.get_operations():
            if node.type in ("Conv2D", "DepthwiseConv2dNative"):
                output = node.outputs[0]
                [reader, *_] = output.consumers()
                outputs.append(tf.size(reader.outputs[0] if reader.type == "BatchToSpaceND" else output))
                height, width, channels, _ = node.inputs[1].shape
                kernels.append(int(height * width * (channels if node.type == "Conv2D" else 1)))
        sizes = session.run(outputs, {INPUT: np.zeros((1, CANVAS, CANVAS, 3), np.uint8)})
    return int(np.dot(np.array(sizes, np.int64), kernels))


STOCK = "TensorFlow, stock graph"
QUANTIZED = "OpenVINO, int8 by NNCF"
ONNX_RUNTIME, LITERT = "ONNX Runtime", "LiteRT (XNNPACK)"
OURS = {
    f"ours, {canvas} canvas, {precision}": partial(load_ours, canvas=canvas, precision=precision)
    for precision in ("float32", "bfloat16")
    for canvas in ("fixed", "fit")
}
ENGINES: dict[str, Load] = {
    STOCK: load_stock,
    **OURS,
    ONNX_RUNTIME: load_onnxruntime,
    "OpenVINO, float32": partial(load_openvino, precision="f32"),
    "OpenVINO, bfloat16": partial(load_openvino, precision="bf16"),
    # What is left unquantized runs in float32: faster here than in bfloat16, and as accurate.
    QUANTIZED: partial(load_openvino, precision="f32", quantized=True),
    LITERT: load_litert,
}
PRODUCTS: dict[str, Load] = {
    precision: partial(load_product, precision=precision) for precision in ("float32", "bfloat16")
}
