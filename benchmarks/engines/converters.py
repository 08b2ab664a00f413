"""Converters: each writes the frozen graph of a folder into the same folder, in the format of another engine.

A converter runs in a separate process, so that its memory does not count as the engine's.
"""

# Each function imports its converter, so that the memory of a process is that of one converter.
# ruff: noqa: PLC0415
# The other engines have no types, and `make check` does not install them.
# mypy: disable-error-code="import-not-found, import-untyped"

import os
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.engines.backends import CANVAS, GRAPH, INPUT, INT8, ONNX, OUTPUT, SILENT, TFLITE, resized
from core.types import UInt8Array

CALIBRATION_PHOTOS = 150


def convert_to_onnx(models: Path) -> None:
    """Write the graph as ONNX."""
    # Before tf2onnx, which imports TensorFlow with all its messages.
    from core.tensorflow import tf

    graph_def = tf.compat.v1.GraphDef.FromString((models / GRAPH).read_bytes())
    import onnx
    import tf2onnx

    model, _ = tf2onnx.convert.from_graph_def(graph_def, input_names=[INPUT], output_names=[OUTPUT], opset=18)
    onnx.save(model, models / ONNX)


def convert_to_litert(models: Path) -> None:
    """Write the part of the graph between padding and cropping for LiteRT, which plans its memory for one image size.

    Its input is the padded image in float32, because MEAN is no uint8; load_litert() pads and crops.
    """
    from core.tensorflow import tf

    graph_def = tf.compat.v1.GraphDef.FromString((models / GRAPH).read_bytes())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        canvas = tf.compat.v1.placeholder(tf.float32, [1, CANVAS, CANVAS, 3])
        [labels] = tf.import_graph_def(graph_def, {"ExpandDims_1": canvas}, ["ArgMax:0"])
        converter = tf.compat.v1.lite.TFLiteConverter.from_session(session, [canvas], [labels])
        (models / TFLITE).write_bytes(converter.convert())


def quantize(models: Path, photos: list[Path]) -> None:
    """Write the graph with 8-bit integers by NNCF's post-training quantization, calibrated on `photos`."""
    os.environ |= SILENT
    import nncf
    import openvino

    def read(photo: Path) -> UInt8Array:
        return resized(Image.open(photo), CANVAS)[np.newaxis]

    model = openvino.Core().read_model(models / GRAPH)
    quantized = nncf.quantize(model, nncf.Dataset(photos, read), subset_size=len(photos))
    openvino.save_model(quantized, models / INT8, compress_to_fp16=False)


def count_multiply_adds(models: Path) -> int:
    """Return the number of multiply-adds in the graph's convolutions for one image of CANVAS x CANVAS pixels.

    A pixel of one output channel takes kernel height x kernel width x input channels multiply-adds, in a depthwise
    convolution kernel height x kernel width. Pixels that BatchToSpaceND crops do not count.
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
