"""The operations around the network: canvas sizes, upsampled labels and image pooling."""

import numpy as np
import pytest

from core.graph.network import OUTPUT_STRIDE, Network
from core.runtime import canvas
from core.tensorflow import tf
from core.types import Array, Canvas


@pytest.mark.parametrize(
    ("pixels", "cells"), [(1, 1), (2, 2), (9, 2), (10, 3), (257, 33), (258, 34), (513, 65), (514, 66)]
)
def test_count_cells_covers_all_pixels(pixels: int, cells: int) -> None:
    assert canvas.count_cells(pixels) == cells


@pytest.mark.parametrize(
    ("mode", "size", "cells"),
    [
        ("fixed", (100, 513), (65, 65)),
        ("fixed", (100, 1024), (129, 129)),
        ("fit", (513, 513), (65, 65)),
        ("fit", (385, 513), (49, 65)),
        ("fit", (193, 257), (25, 33)),  # half the square or less: no margin
        ("fit", (249, 333), (36, 47)),  # more than half the square: a margin of 4 cells
        ("fit", (300, 505), (43, 65)),  # the margin ends at the square
        ("fit", (768, 1024), (97, 129)),
        ("fit", (20, 1024), (4, 129)),
    ],
)
def test_canvas_cells_depend_on_mode_and_image_size(
    mode: Canvas, size: tuple[int, int], cells: tuple[int, int]
) -> None:
    height, width = map(tf.constant, size)
    assert tuple(map(int, canvas.canvas_cells(height, width, 513, mode))) == cells


@pytest.mark.parametrize("classes", [2, 21])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 12)])
def test_upsampled_argmax_equals_argmax_of_resized_logits(shape: tuple[int, int], classes: int) -> None:
    logits = np.random.default_rng(5).normal(size=(1, *shape, classes)).astype(np.float32)
    rows, columns = ((side - 1) * OUTPUT_STRIDE + 1 for side in shape)
    resized = tf.compat.v1.image.resize_bilinear(logits, [rows, columns], align_corners=True)
    expected = np.argmax(resized[0], axis=-1)
    assert np.array_equal(canvas.upsampled_argmax(tf.constant(logits), OUTPUT_STRIDE)[:rows, :columns], expected)


def test_upsampled_argmax_of_uniform_logits_gives_one_class() -> None:
    logits = np.zeros((1, 3, 3, 4), np.float32)
    logits[..., 2] = 1
    assert (canvas.upsampled_argmax(tf.constant(logits), OUTPUT_STRIDE).numpy() == 2).all()


def features_of_padding() -> Array:
    """Return random features of a canvas of 65 x 65 cells, float32 [65, 65, 2]."""
    return np.random.default_rng(9).normal(size=(65, 65, 2)).astype(np.float32)


@pytest.mark.parametrize("size", [(513, 385), (257, 193), (1, 1), (16, 513)])
def test_mean_outside_is_the_mean_of_the_cells_outside_the_image(size: tuple[int, int]) -> None:
    features = features_of_padding()
    outside = np.ones((65, 65), bool)
    outside[: canvas.count_cells(size[0]), : canvas.count_cells(size[1])] = False
    np.testing.assert_allclose(
        canvas.PaddingMeans(features).mean_outside(*size), features[outside].mean(axis=0), rtol=1e-3, atol=1e-5
    )


def test_mean_outside_of_image_larger_than_canvas_is_zero() -> None:
    assert canvas.PaddingMeans(features_of_padding()).mean_outside(1024, 1024).tolist() == [0, 0]


def pooled(features: Array, padding_mean: Array, mode: Canvas) -> Array:
    """Return the image pooling, [channels], of `features` for a network with a canvas of 513 pixels."""
    network = Network(None, "", "", (), "", "", 1, 0, 0, side=513, pointwise_head=True)
    pooling = canvas.image_pooling(tf.constant(features), tf.constant(padding_mean), network, mode)
    result: Array = pooling.numpy()[0, 0, 0]
    return result


def test_image_pooling_on_fixed_canvas_is_the_mean() -> None:
    features = np.random.default_rng(2).normal(size=(1, 65, 65, 3)).astype(np.float32)
    np.testing.assert_allclose(pooled(features, np.ones(3, np.float32), "fixed"), features.mean((0, 1, 2)), atol=1e-5)


def test_image_pooling_on_fit_canvas_includes_the_skipped_padding() -> None:
    padding_mean = np.array([10], np.float32)
    features = np.ones((1, 65, 49, 1), np.float32)
    weight = (65 * 49 + canvas.LEAK * 65) / (65 * 65)
    np.testing.assert_allclose(pooled(features, padding_mean, "fit"), [weight + (1 - weight) * 10], rtol=1e-5)
    for shape in ((65, 65), (129, 97)):  # no padding is skipped
        np.testing.assert_allclose(pooled(np.ones((1, *shape, 1), np.float32), padding_mean, "fit"), [1], rtol=1e-5)
