"""Each pass, on a tiny graph of its own: what it matches is gone, and the result is the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core import passes
from core.tensorflow import tf
from tests.support.tiny_graphs import RANDOM, build, depthwise, full, normal, pointwise, rewritten, run, vector


def test_drop_identities() -> None:
    before = build(lambda x: tf.identity(tf.identity(x) * tf.identity(vector(4))))
    after, operations = rewritten(passes.drop_identities, before)
    assert operations.count("Identity") == 1  # the output's own
    image = RANDOM.normal(size=(1, 3, 3, 4))
    np.testing.assert_array_equal(run(after, image), run(before, image))


def test_unfold_batch_norms() -> None:
    def model(x: Any) -> Any:
        output, *_ = tf.compat.v1.nn.fused_batch_norm(
            x, vector(4), normal(4), normal(4), vector(4), epsilon=0.01, is_training=False
        )
        return output

    before = build(model)
    after, operations = rewritten(passes.unfold_batch_norms, before)
    assert not set(passes.BATCH_NORMS) & set(operations)
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("convolution", "kernel", "outputs"), [(depthwise, (3, 3, 4, 2), 8), (full, (3, 3, 4, 5), 5)])
def test_fold_scales(convolution: Callable[..., Any], kernel: tuple[int, ...], outputs: int, swapped: bool) -> None:
    weights, scale = normal(*kernel), vector(outputs)

    def model(x: Any) -> Any:
        return scale * convolution(x, weights) if swapped else convolution(x, weights) * scale

    before = build(model)
    after, operations = rewritten(passes.fold_scales, before)
    assert "Mul" not in operations
    image = RANDOM.normal(size=(1, 7, 7, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-4, atol=1e-5)


def test_fold_scales_leaves_a_convolution_that_others_read() -> None:
    def model(x: Any) -> Any:
        convolved = full(x, normal(1, 1, 4, 4))
        return convolved * vector(4) + convolved

    _, operations = rewritten(passes.fold_scales, build(model))
    assert "Mul" in operations


def test_regroup_additions_and_add_biases() -> None:
    weights, offset = normal(1, 1, 4, 4), vector(4)
    before = build(lambda x: tf.add_n([tf.nn.relu(x), full(x, weights)]) + offset)
    regrouped, _ = rewritten(passes.regroup_additions, before)
    after, operations = rewritten(passes.add_biases, regrouped)
    assert operations.count("BiasAdd") == 1
    assert sum(operation in passes.ADDITIONS for operation in operations) == 1
    image = RANDOM.normal(size=(1, 5, 5, 4))
    np.testing.assert_allclose(run(after, image), run(before, image), rtol=1e-5, atol=1e-5)


def test_drop_repeated_relus() -> None:
    before = build(lambda x: tf.nn.relu(tf.nn.relu(x)) + tf.nn.relu(tf.nn.relu6(x)))
    after, operations = rewritten(passes.drop_repeated_relus, before)
    assert operations.count("Relu") == 1
    image = RANDOM.normal(size=(1, 3, 3, 4))
    np.testing.assert_array_equal(run(after, image), run(before, image))


def test_keep_shared_sums(capfd: pytest.CaptureFixture[str]) -> None:
    kernels = [(normal(3, 3, 4, 1), normal(1, 1, 4, 4), normal(4)) for _ in range(3)]

    def model(x: Any) -> Any:
        for spatial, across, bias in kernels:
            x = pointwise(depthwise(tf.nn.relu(x), spatial, "SAME"), across, bias) + x
        return x

    before = build(model)
    after, operations = rewritten(passes.keep_shared_sums, before)
    assert (operations.count("Relu"), operations.count("Maximum")) == (1, 2)  # the first reads no sum
    image = RANDOM.normal(size=(1, 5, 5, 4))
    # TensorFlow says that its remapper gave up once in a process, so other tests must still be able to see it.
    unfused = tf.compat.v1.ConfigProto()
    unfused.graph_options.rewrite_options.remapping = type(unfused.graph_options.rewrite_options).OFF
    np.testing.assert_allclose(run(after, image), run(before, image, unfused), rtol=1e-4, atol=1e-4)
    assert "remapper failed" not in capfd.readouterr().err
