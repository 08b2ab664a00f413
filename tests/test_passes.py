"""Each pass, on a tiny graph of its own: what it matches is gone, and the result is the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from core import passes, sizes
from core.pointwise import compose_pointwise, split_image_pooling
from core.rewriter import Rewriter

RANDOM = np.random.default_rng(7)
INPUT, OUTPUT = "input", "output"


def normal(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def vector(channels: int) -> Any:
    return RANDOM.uniform(0.5, 2, channels).astype(np.float32)


def build(model: Callable[[Any], Any], shape: tuple[int, ...] = (1, 13, 13, 4)) -> Any:
    """Return the GraphDef of `model` between INPUT and OUTPUT."""
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, (1, None, None, shape[-1]), name=INPUT)
        tf.identity(model(source), name=OUTPUT)
    return graph.as_graph_def()


def run(graph_def: Any, image: Any) -> Any:
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session() as session:
            return session.run(f"{OUTPUT}:0", {f"{INPUT}:0": image})


def rewritten(simplify: Callable[[Rewriter], None], graph_def: Any) -> tuple[Any, list[str]]:
    """Return the graph after one pass, and the operations it is left with."""
    graph = Rewriter(graph_def)
    simplify(graph)
    graph.prune([OUTPUT])
    return graph.graph_def(), [node.op for node in graph]


def atrous(convolution: Callable[..., Any], kernel: Any, dilation: int, size: int) -> Callable[[Any], Any]:
    """A dilated convolution as TensorFlow 1 wrote it, with constants for an input of `size` x `size`."""
    reach = dilation * (int(kernel.shape[0]) - 1)
    extra = -(size + reach) % dilation
    before, after = reach // 2, reach - reach // 2 + extra

    def model(x: Any) -> Any:
        scattered = tf.space_to_batch(x, [dilation, dilation], [[before, after], [before, after]])
        return tf.batch_to_space(convolution(scattered, kernel), [dilation, dilation], [[0, extra], [0, extra]])

    return model


def depthwise(x: Any, kernel: Any, padding: str = "VALID") -> Any:
    return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], padding)


def full(x: Any, kernel: Any, padding: str = "VALID") -> Any:
    return tf.nn.conv2d(x, kernel, 1, padding)


def pointwise(x: Any, kernel: Any, bias: Any) -> Any:
    return tf.nn.bias_add(full(x, kernel, "SAME"), bias)


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
    after, _ = rewritten(sizes.follow_low_level_size, before)
    image = RANDOM.normal(size=(1, 9, 9, 4))
    np.testing.assert_array_equal(run(after, image), run(before, image))
    assert run(after, RANDOM.normal(size=(1, 5, 17, 4))).shape == (1, 5, 17, 8)


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
