"""The passes on pointwise convolutions, on tiny graphs: the same result with fewer multiplications."""

from typing import Any

import numpy as np
import pytest

from core.graph.passes.pointwise import compose_pointwise, move_biases_on, split_image_pooling
from core.tensorflow import tf
from tests.support.tiny_graphs import RANDOM, build, depthwise, full, normal, pointwise, rewritten, run


def pool(x: Any) -> Any:
    return tf.nn.avg_pool2d(x, 5, 5, "VALID")


def test_split_image_pooling() -> None:
    kernels = [normal(1, 1, 4, 6), normal(1, 1, 4, 7), normal(1, 1, 13, 8)]
    biases = [normal(6), normal(7), normal(8)]

    def model(x: Any) -> Any:
        pooled = tf.nn.relu(pointwise(pool(x), kernels[0], biases[0]))
        resized = tf.compat.v1.image.resize_bilinear(pooled, [5, 5], align_corners=True)
        features = tf.nn.relu(pointwise(x, kernels[1], biases[1]))
        return tf.nn.relu(pointwise(tf.concat([resized, features], 3), kernels[2], biases[2]))

    before = build(model)
    after, operations = rewritten(split_image_pooling, before)
    assert "ResizeBilinear" not in operations
    assert "ConcatV2" not in operations
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-4, atol=1e-5)


def test_split_image_pooling_keeps_the_other_branches_together() -> None:
    kernels = [normal(1, 1, 4, 3), normal(1, 1, 4, 3), normal(1, 1, 4, 2), normal(1, 1, 8, 5)]
    biases = [normal(3), normal(3), normal(2), normal(5)]

    def model(x: Any) -> Any:
        branches = [pointwise(x, kernel, bias) for kernel, bias in zip(kernels[:3], biases[:3], strict=True)]
        branches[1] = tf.compat.v1.image.resize_bilinear(pointwise(pool(x), kernels[1], biases[1]), [5, 5])
        return pointwise(tf.concat(branches, 3), kernels[3], biases[3])

    before = build(model)
    after, operations = rewritten(split_image_pooling, before)
    assert operations.count("ConcatV2") == 1
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("inside", "composed"), [(20, True), (2, False)])
def test_compose_pointwise_where_it_multiplies_less(inside: int, composed: bool) -> None:
    kernels = [normal(1, 1, 4, inside), normal(1, 1, inside, 6), normal(1, 1, inside, 3)]
    biases = [normal(inside), normal(6), normal(3)]

    def model(x: Any) -> Any:
        first = pointwise(x, kernels[0], biases[0])
        return tf.concat([pointwise(first, kernels[1], biases[1]), pointwise(first, kernels[2], biases[2])], 3)

    before = build(model)
    after, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == (2 if composed else 3)
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-4, atol=1e-4)


def test_compose_pointwise_takes_a_pooling_along() -> None:
    kernels = [normal(1, 1, 4, 20), normal(1, 1, 20, 6)]
    biases = [normal(20), normal(6)]

    def model(x: Any) -> Any:
        first = pointwise(x, kernels[0], biases[0])
        return pointwise(first, kernels[1], biases[1]) + tf.nn.relu(pool(first))[..., :6]

    before = build(model)
    after, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == 2
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-4, atol=1e-4)


def test_compose_pointwise_stops_at_an_activation() -> None:
    kernels = [normal(1, 1, 4, 20), normal(1, 1, 20, 6)]
    before = build(lambda x: pointwise(tf.nn.relu(pointwise(x, kernels[0], normal(20))), kernels[1], normal(6)))
    _, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == 2


def test_compose_pointwise_needs_a_bias_to_put_the_first_ones_into() -> None:
    kernels = [normal(1, 1, 4, 20), normal(1, 1, 20, 6)]
    before = build(lambda x: full(pointwise(x, kernels[0], normal(20)), kernels[1]))
    after, operations = rewritten(compose_pointwise, before)
    assert operations.count("Conv2D") == 2
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_array_equal(run(after, image), run(before, image))


def test_move_biases_on() -> None:
    kernels, biases = [normal(3, 3, 4, 1), normal(1, 1, 4, 5)], [normal(4), normal(5)]

    def model(x: Any) -> Any:
        return pointwise(tf.nn.bias_add(depthwise(x, kernels[0], "SAME"), biases[0]), kernels[1], biases[1])

    before = build(model)
    after, operations = rewritten(move_biases_on, before)
    assert operations.count("BiasAdd") == 1
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-4, atol=1e-5)


def test_a_bias_stays_before_an_activation() -> None:
    def model(x: Any) -> Any:
        biased = tf.nn.bias_add(depthwise(x, normal(3, 3, 4, 1)), normal(4))
        return pointwise(tf.nn.relu(biased), normal(1, 1, 4, 5), normal(5))

    _, operations = rewritten(move_biases_on, build(model))
    assert operations.count("BiasAdd") == 2
