"""The passes on pointwise convolutions, on small graphs: the same output with fewer operations."""

from typing import Any

import pytest

from core.graph.passes.pointwise import compose_pointwise, merge_separable_biases, split_image_pooling
from core.tensorflow import tf
from tests.support.tiny_graphs import assert_same_output, build, depthwise, full, normal, pointwise, rewritten


def pool(x: Any) -> Any:
    """Add a global average pooling of 5 x 5 cells."""
    return tf.nn.avg_pool2d(x, 5, 5, "VALID")


def resize(x: Any) -> Any:
    """Add a bilinear resize to 5 x 5 cells."""
    return tf.compat.v1.image.resize_bilinear(x, [5, 5], align_corners=True)


def test_split_image_pooling_of_one_branch_removes_resize_and_concat() -> None:
    def model(x: Any) -> Any:
        pooled = tf.nn.relu(pointwise(pool(x), 6))
        features = tf.nn.relu(pointwise(x, 7))
        return tf.nn.relu(pointwise(tf.concat([resize(pooled), features], 3), 8))

    before = build(model)
    after, operations = rewritten(split_image_pooling, before)
    assert "ResizeBilinear" not in operations
    assert "ConcatV2" not in operations
    assert_same_output(after, before)


def test_split_image_pooling_of_several_branches_keeps_concat_of_the_others() -> None:
    def model(x: Any) -> Any:
        branches = [pointwise(x, 3), resize(pointwise(pool(x), 3)), pointwise(x, 2)]
        return pointwise(tf.concat(branches, 3), 5)

    before = build(model)
    after, operations = rewritten(split_image_pooling, before)
    assert operations.count("ConcatV2") == 1
    assert_same_output(after, before)


@pytest.mark.parametrize(("inside", "composed"), [(20, True), (2, False)])
def test_compose_pointwise_composes_if_it_saves_multiplications(inside: int, composed: bool) -> None:
    def model(x: Any) -> Any:
        first = pointwise(x, inside)
        return tf.concat([pointwise(first, 6), pointwise(first, 3)], 3)

    before = build(model)
    after, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == (2 if composed else 3)
    assert_same_output(after, before, atol=1e-4)


def test_compose_pointwise_with_pooling_applies_first_convolution_to_the_pooled_input() -> None:
    def model(x: Any) -> Any:
        first = pointwise(x, 20)
        return pointwise(first, 6) + tf.nn.relu(pool(first))[..., :6]

    before = build(model)
    after, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == 2
    assert_same_output(after, before, atol=1e-4)


def test_compose_pointwise_with_activation_between_keeps_both_convolutions() -> None:
    _, operations = rewritten(compose_pointwise, build(lambda x: pointwise(tf.nn.relu(pointwise(x, 20)), 6)))
    assert operations.count("Conv2D") == 2


def test_compose_pointwise_without_second_bias_keeps_both_convolutions() -> None:
    before = build(lambda x: full(pointwise(x, 20), normal(1, 1, 20, 6)))
    after, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == 2
    assert_same_output(after, before, rtol=0, atol=0)


def test_merge_separable_biases_leaves_one_bias() -> None:
    before = build(lambda x: pointwise(tf.nn.bias_add(depthwise(x, normal(3, 3, 4, 1), "SAME"), normal(4)), 5))
    after, operations = rewritten(merge_separable_biases, before)
    assert operations.count("BiasAdd") == 1
    assert_same_output(after, before)


def test_merge_separable_biases_with_activation_between_keeps_both_biases() -> None:
    def model(x: Any) -> Any:
        return pointwise(tf.nn.relu(tf.nn.bias_add(depthwise(x, normal(3, 3, 4, 1)), normal(4))), 5)

    _, operations = rewritten(merge_separable_biases, build(model))
    assert operations.count("BiasAdd") == 2
