"""The passes that free the size, on tiny graphs: the same result, and one for other sizes too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core import sizes
from core.tensorflow import tf
from tests.support.tiny_graphs import RANDOM, build, depthwise, full, normal, rewritten, run


def atrous(convolution: Callable[..., Any], kernel: Any, dilation: int, size: int) -> Callable[[Any], Any]:
    """A dilated convolution as TensorFlow 1 wrote it, with constants for an input of `size` x `size`."""
    reach = dilation * (int(kernel.shape[0]) - 1)
    extra = -(size + reach) % dilation
    before, after = reach // 2, reach - reach // 2 + extra

    def model(x: Any) -> Any:
        scattered = tf.space_to_batch(x, [dilation, dilation], [[before, after], [before, after]])
        return tf.batch_to_space(convolution(scattered, kernel), [dilation, dilation], [[0, extra], [0, extra]])

    return model


@pytest.mark.parametrize("dilation", [2, 4])
@pytest.mark.parametrize("size", [13, 16])
@pytest.mark.parametrize(
    ("convolution", "kernel"), [(depthwise, (3, 3, 4, 2)), (full, (3, 3, 4, 5)), (full, (5, 5, 4, 2))]
)
def test_dilate(convolution: Callable[..., Any], kernel: tuple[int, ...], size: int, dilation: int) -> None:
    before = build(atrous(convolution, normal(*kernel), dilation, size))
    after, operations = rewritten(sizes.dilate, before)
    assert "SpaceToBatchND" not in operations
    assert "BatchToSpaceND" not in operations
    image = RANDOM.normal(size=(1, size, size, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), atol=1e-5)
    # The constants held for one size; the dilated convolution takes any.
    assert run(after, RANDOM.normal(size=(1, 7, 9, 4))).shape[1:3] == (7, 9)


def test_dilate_leaves_other_paddings_alone() -> None:
    def cropped_in_front(x: Any) -> Any:
        scattered = tf.space_to_batch(x, [2, 2], [[3, 2], [3, 2]])
        return tf.batch_to_space(depthwise(scattered, normal(3, 3, 4, 1)), [2, 2], [[1, 0], [1, 0]])

    _, operations = rewritten(sizes.dilate, build(cropped_in_front))
    assert "SpaceToBatchND" in operations


def test_dilate_keeps_large_dilations_apart_and_frees_their_size() -> None:
    kernel = normal(3, 3, 4, 1)
    before = build(atrous(depthwise, kernel, 12, 17))
    after, operations = rewritten(sizes.dilate, before)
    assert operations.count("SpaceToBatchND") == 1
    image = RANDOM.normal(size=(1, 17, 17, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), atol=1e-5)
    for height, width in ((9, 33), (1, 1), (24, 25)):
        other = RANDOM.normal(size=(1, height, width, 4))
        expected = tf.nn.depthwise_conv2d(other.astype(np.float32), kernel, [1, 1, 1, 1], "SAME", dilations=[12, 12])
        np.testing.assert_allclose(run(after, other), expected, atol=1e-5)


@pytest.mark.parametrize("size", [9, 33])
@pytest.mark.parametrize(("before", "after", "absorbed"), [(1, 1, True), (0, 2, False)])
def test_absorb_pads(size: int, before: int, after: int, absorbed: bool) -> None:
    kernel = normal(3, 3, 4, 5)

    def model(x: Any) -> Any:
        around = [before, after]
        return tf.nn.conv2d(tf.pad(x, [[0, 0], around, around, [0, 0]]), kernel, 2, "VALID")

    graph_def = build(model)
    simplified, operations = rewritten(sizes.absorb_pads, graph_def)
    assert ("Pad" in operations) != absorbed
    image = RANDOM.normal(size=(1, size, size, 4))
    np.testing.assert_allclose(run(simplified, image), run(graph_def, image), atol=1e-5)


def test_follow_low_level_size() -> None:
    def decoder(x: Any) -> Any:
        coarse = tf.nn.avg_pool2d(x, 1, 2, "SAME")
        finer = tf.compat.v1.image.resize_bilinear(coarse, [9, 9], align_corners=True)
        return tf.concat([finer, tf.nn.relu(x)], 3)

    before = build(decoder)
    after, _ = rewritten(sizes.resize_to_skip_features, before)
    image = RANDOM.normal(size=(1, 9, 9, 4))
    np.testing.assert_array_equal(run(after, image), run(before, image))
    assert run(after, RANDOM.normal(size=(1, 5, 17, 4))).shape == (1, 5, 17, 8)


def test_gather_late() -> None:
    scattered = atrous(depthwise, normal(3, 3, 4, 1), 6, 13)
    scale, shift = normal(4), normal(4)
    before = build(lambda x: tf.nn.relu(tf.nn.bias_add(scattered(x) * scale, shift)) * 2.0)
    after, operations = rewritten(sizes.move_batch_to_space_down, before)
    assert operations.count("BatchToSpaceND") == 1
    [gather] = (node for node in after.node if node.op == "BatchToSpaceND")
    assert gather.input[0] == "Relu"  # the last multiplication is by a scalar, which is no vector of channels
    image = RANDOM.normal(size=(1, 13, 13, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), atol=1e-5)
