"""The edges: sizes in cells, labels between cells, and what a fit canvas is completed with."""

import numpy as np
import pytest

from core import canvas
from core.graph.network import OUTPUT_STRIDE
from core.tensorflow import tf
from core.types import Array, Canvas


@pytest.mark.parametrize(
    ("pixels", "cells"), [(1, 1), (2, 2), (9, 2), (10, 3), (257, 33), (258, 34), (513, 65), (514, 66)]
)
def test_cells_cover_the_pixels(pixels: int, cells: int) -> None:
    assert canvas.cells(pixels) == cells


@pytest.mark.parametrize(
    ("mode", "size", "cells"),
    [
        ("fixed", (100, 513), (65, 65)),
        ("fixed", (100, 1024), (129, 129)),
        ("fit", (513, 513), (65, 65)),
        ("fit", (385, 513), (49, 65)),
        ("fit", (193, 257), (25, 33)),  # half the square: no margin
        ("fit", (249, 333), (36, 47)),  # smaller than the square: a margin of 4
        ("fit", (300, 505), (43, 65)),  # up to the square
        ("fit", (768, 1024), (97, 129)),
        ("fit", (20, 1024), (4, 129)),
    ],
)
def test_the_canvas(mode: Canvas, size: tuple[int, int], cells: tuple[int, int]) -> None:
    height, width = map(tf.constant, size)
    assert tuple(map(int, canvas.canvas_cells(height, width, 513, mode))) == cells


@pytest.mark.parametrize("classes", [2, 21])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 12)])
def test_labels_are_those_of_enlarged_logits(shape: tuple[int, int], classes: int) -> None:
    logits = np.random.default_rng(5).normal(size=(1, *shape, classes)).astype(np.float32)
    rows, columns = ((side - 1) * OUTPUT_STRIDE + 1 for side in shape)
    enlarged = tf.compat.v1.image.resize_bilinear(logits, [rows, columns], align_corners=True)
    expected = np.argmax(enlarged[0], axis=-1)
    assert np.array_equal(canvas.labels(tf.constant(logits), OUTPUT_STRIDE)[:rows, :columns], expected)


def test_labels_of_one_class_everywhere() -> None:
    logits = np.zeros((1, 3, 3, 4), np.float32)
    logits[..., 2] = 1
    assert (canvas.labels(tf.constant(logits), OUTPUT_STRIDE).numpy() == 2).all()


def features_of_padding() -> Array:
    return np.random.default_rng(9).normal(size=(65, 65, 2)).astype(np.float32)


@pytest.mark.parametrize("size", [(513, 385), (257, 193), (1, 1), (16, 513)])
def test_padding_is_the_mean_over_what_the_image_leaves(size: tuple[int, int]) -> None:
    features = features_of_padding()
    outside = np.ones((65, 65), bool)
    outside[: canvas.cells(size[0]), : canvas.cells(size[1])] = False
    np.testing.assert_allclose(
        canvas.Padding(features).outside(*size), features[outside].mean(axis=0), rtol=1e-3, atol=1e-5
    )


def test_padding_of_an_image_that_leaves_nothing() -> None:
    assert canvas.Padding(features_of_padding()).outside(1024, 1024).tolist() == [0, 0]


def pooled(features: Array, outside: Array, mode: Canvas) -> Array:
    result: Array = canvas.pooled(tf.constant(features), tf.constant(outside), 513, mode).numpy()[0, 0, 0]
    return result


def test_pooling_on_a_fixed_canvas_is_the_mean() -> None:
    features = np.random.default_rng(2).normal(size=(1, 65, 65, 3)).astype(np.float32)
    np.testing.assert_allclose(pooled(features, np.ones(3, np.float32), "fixed"), features.mean((0, 1, 2)), atol=1e-5)


def test_pooling_on_a_fit_canvas_counts_the_padding_that_is_left_out() -> None:
    outside = np.array([10], np.float32)
    inside = np.ones((1, 65, 49, 1), np.float32)
    weight = (65 * 49 + canvas.LEAK * 65) / (65 * 65)
    np.testing.assert_allclose(pooled(inside, outside, "fit"), [weight + (1 - weight) * 10], rtol=1e-5)
    for shape in ((65, 65), (129, 97)):  # nothing left out
        np.testing.assert_allclose(pooled(np.ones((1, *shape, 1), np.float32), outside, "fit"), [1], rtol=1e-5)
