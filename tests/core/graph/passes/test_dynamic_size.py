"""The passes for any input size, on small graphs: the same output, and one for other sizes too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core import export
from core.graph.editor import GraphEditor
from core.graph.passes import dynamic_size
from core.tensorflow import tf
from tests.support.tiny_graphs import RANDOM, assert_same_output, build, depthwise, full, normal, rewritten, run


def atrous(convolution: Callable[..., Any], kernel: Any, dilation: int, size: int) -> Callable[[Any], Any]:
    """Return a dilated convolution as TensorFlow 1 wrote it, with constants for an input of `size` x `size`."""
    total = dilation * (int(kernel.shape[0]) - 1)
    missing = -(size + total) % dilation
    before, after = total // 2, total - total // 2 + missing

    def model(x: Any) -> Any:
        batches = tf.space_to_batch(x, [dilation, dilation], [[before, after], [before, after]])
        return tf.batch_to_space(convolution(batches, kernel), [dilation, dilation], [[0, missing], [0, missing]])

    return model


@pytest.mark.parametrize("dilation", [2, 4])
@pytest.mark.parametrize("size", [13, 16])
@pytest.mark.parametrize(
    ("convolution", "kernel"), [(depthwise, (3, 3, 4, 2)), (full, (3, 3, 4, 5)), (full, (5, 5, 4, 2))]
)
def test_dilate_makes_a_dilated_convolution_for_any_size(
    convolution: Callable[..., Any], kernel: tuple[int, ...], size: int, dilation: int
) -> None:
    before = build(atrous(convolution, normal(*kernel), dilation, size))
    after, operations = rewritten(dynamic_size.dilate, before)
    assert "SpaceToBatchND" not in operations
    assert "BatchToSpaceND" not in operations
    assert_same_output(after, before, size, rtol=1e-7)
    assert run(after, RANDOM.normal(size=(1, 7, 9, 4))).shape[1:3] == (7, 9)


def test_dilate_with_other_paddings_keeps_space_to_batch() -> None:
    def cropped_on_top_and_left(x: Any) -> Any:
        batches = tf.space_to_batch(x, [2, 2], [[3, 2], [3, 2]])
        return tf.batch_to_space(depthwise(batches, normal(3, 3, 4, 1)), [2, 2], [[1, 0], [1, 0]])

    _, operations = rewritten(dynamic_size.dilate, build(cropped_on_top_and_left))
    assert "SpaceToBatchND" in operations


def test_dilate_all_makes_dilated_convolutions_of_large_dilations() -> None:
    def keep(graph: GraphEditor) -> None:
        dynamic_size.dilate(graph)
        dynamic_size.move_batch_to_space_down(graph)

    convolved = atrous(depthwise, normal(3, 3, 4, 1), 12, 17)
    before = build(lambda x: tf.nn.relu(tf.nn.bias_add(convolved(x), normal(4))))
    kept, _ = rewritten(keep, before)
    after, operations = rewritten(export.dilate_all, kept)
    assert not {"SpaceToBatchND", "BatchToSpaceND"} & set(operations)
    assert_same_output(after, before, 17, rtol=1e-6)
    image = RANDOM.normal(size=(1, 9, 33, 4))
    np.testing.assert_allclose(run(after, image), run(kept, image), rtol=1e-6)


def test_dilate_all_leaves_paddings_of_its_own() -> None:
    before = build(atrous(depthwise, normal(3, 3, 4, 1), 12, 17))
    _, operations = rewritten(export.dilate_all, before)
    assert "SpaceToBatchND" in operations


def test_dilate_with_large_dilation_keeps_space_to_batch_for_any_size() -> None:
    kernel = normal(3, 3, 4, 1)
    before = build(atrous(depthwise, kernel, 12, 17))
    after, operations = rewritten(dynamic_size.dilate, before)
    assert operations.count("SpaceToBatchND") == 1
    assert_same_output(after, before, 17, rtol=1e-7)
    for height, width in ((9, 33), (1, 1), (24, 25)):
        other = RANDOM.normal(size=(1, height, width, 4))
        expected = tf.nn.depthwise_conv2d(other.astype(np.float32), kernel, [1, 1, 1, 1], "SAME", dilations=[12, 12])
        np.testing.assert_allclose(run(after, other), expected, atol=1e-5)


@pytest.mark.parametrize("size", [9, 33])
@pytest.mark.parametrize(("before", "after", "absorbed"), [(1, 1, True), (0, 2, False)])
def test_absorb_pads_removes_only_pads_equal_on_both_sides(size: int, before: int, after: int, absorbed: bool) -> None:
    kernel = normal(3, 3, 4, 5)

    def model(x: Any) -> Any:
        padding = [before, after]
        return tf.nn.conv2d(tf.pad(x, [[0, 0], padding, padding, [0, 0]]), kernel, 2, "VALID")

    graph_def = build(model)
    simplified, operations = rewritten(dynamic_size.absorb_pads, graph_def)
    assert ("Pad" in operations) != absorbed
    assert_same_output(simplified, graph_def, size, rtol=1e-7)


def test_resize_to_skip_features_follows_the_input_size() -> None:
    def decoder(x: Any) -> Any:
        coarse = tf.nn.avg_pool2d(x, 1, 2, "SAME")
        upsampled = tf.compat.v1.image.resize_bilinear(coarse, [9, 9], align_corners=True)
        return tf.concat([upsampled, tf.nn.relu(x)], 3)

    before = build(decoder)
    after, _ = rewritten(dynamic_size.resize_to_skip_features, before)
    assert_same_output(after, before, 9, rtol=0, atol=0)
    assert run(after, RANDOM.normal(size=(1, 5, 17, 4))).shape == (1, 5, 17, 8)


def test_move_batch_to_space_down_passes_pixelwise_operations() -> None:
    convolution = atrous(depthwise, normal(3, 3, 4, 1), 6, 13)
    scale, shift = normal(4), normal(4)
    before = build(lambda x: tf.nn.relu(tf.nn.bias_add(convolution(x) * scale, shift)) * 2.0)
    after, operations = rewritten(dynamic_size.move_batch_to_space_down, before)
    assert operations.count("BatchToSpaceND") == 1
    [batch_to_space] = (node for node in after.node if node.op == "BatchToSpaceND")
    assert batch_to_space.input[0] == "Relu"  # the next operation multiplies by a scalar, not by one number per channel
    assert_same_output(after, before, 13, rtol=1e-7)
