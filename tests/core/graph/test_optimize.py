"""Extracting the network from a frozen graph, and the error messages for graphs of another structure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.graph.frozen_graph import Graph, read_graph
from core.graph.optimize import UnknownStructure, optimize
from core.graph.passes import PASSES
from core.tensorflow import tf
from core.weights.registry import MOBILE

CLASSES, SIDE, CELLS = 3, 17, 3


def test_optimize_of_mobile_graph_leaves_no_operation_of_fixed_size() -> None:
    network = optimize(read_graph(MOBILE))
    assert (network.side, network.padding, network.offset) == (513, 0, -1)
    assert network.scale == np.float32(2 / 255)
    assert network.pointwise_head
    operations = [node.op for node in network.graph_def.node]
    assert operations.count("DepthwiseConv2dNative") == 17
    assert not {"Mul", "AddN", "SpaceToBatchND", "BatchToSpaceND", "ConcatV2", "AvgPool"} & set(operations)


def small_deeplab(
    scale: Callable[[Any], Any] = lambda x: x / 127.5 - 1,
    pad: float = 0,
    align_corners: bool = True,
    pooling: int = CELLS,
    extra_layer: Callable[[Any], Any] = lambda x: x,
) -> Graph:
    """Return a DeepLab graph of three layers at output stride 8, exported for a canvas of SIDE x SIDE pixels."""
    random = np.random.default_rng(3)
    kernels = [
        random.normal(size=shape).astype(np.float32) for shape in ((8, 8, 3, 4), (1, 1, 4, 4), (1, 1, 4, CLASSES))
    ]
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        height, width = tf.unstack(tf.shape(image)[1:3])
        missing = [[0, 0], [0, tf.maximum(SIDE - height, 0)], [0, tf.maximum(SIDE - width, 0)], [0, 0]]
        canvas = tf.pad(scale(tf.cast(image, tf.float32)), missing, constant_values=pad)
        canvas = tf.ensure_shape(canvas, [1, SIDE, SIDE, 3])
        features = extra_layer(tf.nn.relu(tf.nn.conv2d(canvas, kernels[0], 8, "SAME")))
        pooled = tf.nn.conv2d(tf.nn.avg_pool2d(features, pooling, pooling, "VALID"), kernels[1], 1, "SAME")
        logits = tf.nn.bias_add(tf.nn.conv2d(features + pooled, kernels[2], 1, "SAME"), np.zeros(CLASSES, np.float32))
        upsampled = tf.compat.v1.image.resize_bilinear(logits, [SIDE, SIDE], align_corners=align_corners)
        tf.identity(tf.argmax(upsampled, -1)[:, :height, :width], name="SemanticPredictions")
    return Graph(graph.as_graph_def(), CLASSES, Path("small.pb"))


def test_optimize_logs_the_nodes_before_and_after_each_pass(caplog: pytest.LogCaptureFixture) -> None:
    graph = small_deeplab()
    with caplog.at_level("DEBUG", "core.graph.optimize"):
        optimize(graph)
    found = [record.args or () for record in caplog.records if record.name == "core.graph.optimize"]
    names, before, after = zip(*found, strict=True)
    assert list(names) == [run.__name__ for run in PASSES]
    assert before == (len(graph.graph_def.node), *after[:-1])


@pytest.mark.parametrize(
    ("scale", "pad", "expected"),
    [
        (lambda x: x / 127.5 - 1, 0, (2 / 255, -1, 0)),
        (lambda x: (x - 127.5) * np.float32(1 / 127.5), 0, (2 / 255, -1, 0)),
        (lambda x: x, 127.5, (1, 0, 127.5)),
        (lambda x: 1 - x / 255, 1, (-1 / 255, 1, 1)),
    ],
)
def test_optimize_measures_scale_and_padding_of_any_preprocessing(
    scale: Callable[[Any], Any], pad: float, expected: tuple[float, float, float]
) -> None:
    network = optimize(small_deeplab(scale, pad))
    assert (network.scale, network.offset, network.padding) == pytest.approx(expected, abs=1e-6)
    assert network.side == SIDE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": lambda x: x**2}, "is not the image, scaled and padded"),
        ({"scale": lambda x: x * np.array([1, 2, 3], np.float32)}, "is not the image, scaled and padded"),
        ({"align_corners": False}, "without align_corners"),
        ({"pooling": 2}, r"pools \[1, 2, 2, 1\], expected the whole canvas, \[1, 3, 3, 1\]"),
        (
            {"extra_layer": lambda x: tf.nn.conv2d(x[..., :3], np.ones((1, 1, 3, 4), np.float32), 1, "SAME")},
            "one convolution",
        ),
        (
            {"extra_layer": lambda x: tf.compat.v1.image.resize_bilinear(x, [3, 3])},
            r"\(ResizeBilinear\) fixes the image size",
        ),
    ],
)
def test_optimize_of_unknown_structure_raises_with_the_reason(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownStructure, match=message):
        optimize(small_deeplab(**options))


def test_network_logits_equal_those_of_the_frozen_graph() -> None:
    graph = small_deeplab()
    network = optimize(graph)
    image = np.random.default_rng(1).integers(0, 256, (1, SIDE, SIDE, 3), np.uint8)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        features = network.features_of(tf.constant(image * np.float32(network.scale) + np.float32(network.offset)))
        logits = session.run(network.logits_of(features, tf.reduce_mean(features[0], [1, 2], keepdims=True)))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph.graph_def, name="")
        expected = session.run(f"{network.logits}:0", {"ImageTensor:0": image})
    np.testing.assert_allclose(logits, expected, atol=1e-4)
