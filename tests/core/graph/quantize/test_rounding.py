"""The rounding of depthwise kernels: integers in range, and errors that cancel each other out."""

import numpy as np
import pytest

from core.graph.quantize.rounding import LARGEST, MAX_WEIGHT, round_depthwise
from core.types import Array


def kernels(size: int, channels: int = 200) -> Array:
    """Return kernels [size, size, channels, 1], the weights of each of which add up to 0."""
    kernel = np.random.default_rng(0).normal(size=(size, size, channels, 1))
    difference: Array = kernel - kernel.mean(axis=(0, 1))
    return difference


def least_steps(kernel: Array) -> Array:
    steps: Array = np.abs(kernel).max(axis=(0, 1, 3)) / MAX_WEIGHT
    return steps


def test_round_depthwise_is_within_one_step_of_each_weight() -> None:
    kernel = kernels(3)
    integers, steps = round_depthwise(kernel, least_steps(kernel))
    assert integers.dtype == np.int8
    assert np.abs(integers.astype(int)).max() <= MAX_WEIGHT
    assert np.all(np.abs(integers * steps[:, np.newaxis] - kernel) <= steps[:, np.newaxis] * 1.001)
    ratios = steps / least_steps(kernel)
    assert ratios.min() >= 1
    assert ratios.max() <= MAX_WEIGHT / min(LARGEST) + 1e-6


def test_errors_of_round_depthwise_cancel_each_other_out_in_equal_values() -> None:
    kernel = kernels(3)
    integers, steps = round_depthwise(kernel, least_steps(kernel))
    nearest = np.rint(kernel / least_steps(kernel)[:, np.newaxis]) * least_steps(kernel)[:, np.newaxis]
    rounded, plain = (np.abs(found.sum(axis=(0, 1, 3))).mean() for found in (integers * steps[:, np.newaxis], nearest))
    assert rounded < plain / 5


@pytest.mark.parametrize("size", [1, 5])
def test_round_depthwise_of_other_sizes_is_near_the_weights(size: int) -> None:
    kernel = np.random.default_rng(1).normal(size=(size, size, 50, 1))
    integers, steps = round_depthwise(kernel, least_steps(kernel))
    assert np.all(np.abs(integers * steps[:, np.newaxis] - kernel) <= steps[:, np.newaxis] * 0.501)


def test_round_depthwise_of_a_channel_without_weights_is_0() -> None:
    integers, _ = round_depthwise(np.zeros((3, 3, 4, 1)), np.full(4, 1e-12))
    assert not integers.any()
