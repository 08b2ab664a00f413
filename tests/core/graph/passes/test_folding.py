"""The folding passes, on small graphs: the pattern is gone and the output is the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.graph.passes import folding
from core.tensorflow import tf
from tests.support.tiny_graphs import (
    RANDOM,
    assert_same_output,
    build,
    depthwise,
    full,
    normal,
    pointwise,
    rewritten,
    run,
    vector,
)


def test_drop_identities_keeps_only_the_output() -> None:
    before = build(lambda x: tf.identity(tf.identity(x) * tf.identity(vector(4))))
    after, operations = rewritten(folding.drop_identities, before)
    assert operations.count("Identity") == 1
    assert_same_output(after, before, rtol=0, atol=0)


def test_drop_repeated_relus_keeps_one_relu() -> None:
    before = build(lambda x: tf.nn.relu(tf.nn.relu(x)) + tf.nn.relu(tf.nn.relu6(x)))
    after, operations = rewritten(folding.drop_repeated_relus, before)
    assert operations.count("Relu") == 1
    assert_same_output(after, before, rtol=0, atol=0)


def test_unfold_batch_norms_removes_batch_norms() -> None:
    def model(x: Any) -> Any:
        output, *_ = tf.compat.v1.nn.fused_batch_norm(
            x, vector(4), normal(4), normal(4), vector(4), epsilon=0.01, is_training=False
        )
        return output

    before = build(model)
    after, operations = rewritten(folding.unfold_batch_norms, before)
    assert not set(folding.BATCH_NORMS) & set(operations)
    assert_same_output(after, before, rtol=1e-5)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("convolution", "kernel", "outputs"), [(depthwise, (3, 3, 4, 2), 8), (full, (3, 3, 4, 5), 5)])
def test_fold_scales_removes_multiplication_after_convolution(
    convolution: Callable[..., Any], kernel: tuple[int, ...], outputs: int, swapped: bool
) -> None:
    weights, scale = normal(*kernel), vector(outputs)

    def model(x: Any) -> Any:
        return scale * convolution(x, weights) if swapped else convolution(x, weights) * scale

    before = build(model)
    after, operations = rewritten(folding.fold_scales, before)
    assert "Mul" not in operations
    assert_same_output(after, before, size=7)


def test_fold_scales_keeps_multiplication_if_convolution_has_other_consumers() -> None:
    def model(x: Any) -> Any:
        convolved = full(x, normal(1, 1, 4, 4))
        return convolved * vector(4) + convolved

    _, operations = rewritten(folding.fold_scales, build(model))
    assert "Mul" in operations


def test_regroup_additions_lets_add_biases_make_a_bias() -> None:
    weights, offset = normal(1, 1, 4, 4), vector(4)
    before = build(lambda x: tf.add_n([tf.nn.relu(x), full(x, weights)]) + offset)
    regrouped, _ = rewritten(folding.regroup_additions, before)
    after, operations = rewritten(folding.add_biases, regrouped)
    assert operations.count("BiasAdd") == 1
    assert sum(operation in folding.ADDITIONS for operation in operations) == 1
    assert_same_output(after, before, rtol=1e-5)


def test_keep_shared_sums_keeps_remapper_from_failing(capfd: pytest.CaptureFixture[str]) -> None:
    def model(x: Any) -> Any:
        for _ in range(3):
            x = pointwise(depthwise(tf.nn.relu(x), normal(3, 3, 4, 1), "SAME"), 4) + x
        return x

    before = build(model)
    after, operations = rewritten(folding.keep_shared_sums, before)
    assert (operations.count("Relu"), operations.count("Maximum")) == (1, 2)  # the first Relu does not read a sum
    image = RANDOM.normal(size=(1, 5, 5, 4))
    # TensorFlow logs a failure of its remapper once per process. `before` runs without the remapper, so that the log
    # line is left for a failure in another test.
    unfused = tf.compat.v1.ConfigProto()
    unfused.graph_options.rewrite_options.remapping = type(unfused.graph_options.rewrite_options).OFF
    np.testing.assert_allclose(run(after, image), run(before, image, unfused), rtol=1e-4, atol=1e-4)
    assert "remapper failed" not in capfd.readouterr().err
