"""The integers of kernels and values: their size, what they stand for, and what they may add up to."""

from dataclasses import replace

import numpy as np
import pytest

from core.graph.frozen_graph import read_graph
from core.graph.optimize import optimize
from core.graph.quantize.calibration import Calibration, read_calibration
from core.graph.quantize.integers import GROUP, LEVELS, Integers, choose_encodings, choose_integers
from core.graph.quantize.layers import NotQuantizable, find_layers
from core.graph.quantize.rounding import LARGEST
from core.types import Array
from core.weights.registry import MOBILE
from tests.support.small_networks import small_network

NETWORK = small_network()
LAYERS = find_layers(NETWORK)
# Ranges that differ from channel to channel, and are not symmetric.
RANGES = {
    layer.name: np.array([np.linspace(-4, 0, layer.channels), np.linspace(0.5, 9, layer.channels)], np.float32)
    for layer in LAYERS
}
INT16 = 2**15 - 1


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """The calibration of the mobile graph."""
    return read_calibration(MOBILE)


@pytest.fixture(scope="module", params=[False, True], ids=["exact", "saturating"])
def integers(request: pytest.FixtureRequest, calibration: Calibration) -> tuple[Integers, bool]:
    """The integers of the mobile graph, and whether they are for CPUs whose sums saturate."""
    network = optimize(read_graph(MOBILE))
    return choose_integers(network, find_layers(network), calibration, saturates=request.param), request.param


def test_integers_of_mobile_graph_use_all_bits_of_each_channel_unless_sums_saturate(
    integers: tuple[Integers, bool],
) -> None:
    chosen, saturates = integers
    for layer in chosen.layers:
        axes = (0, 1, 3) if layer.layer.depthwise else (0, 1, 2)
        largest = np.abs(layer.kernel.astype(int)).max(axis=axes)
        assert largest.max() <= 127
        if layer.layer.depthwise:
            assert largest.min() >= min(LARGEST), layer.layer.name
        elif not saturates:
            assert np.median(largest) == 127, layer.layer.name


def largest_partial_sum(kernel: Array) -> int:
    """Return the largest sum, positive or negative, of two products of a group of input channels, by all pairs."""
    channels = kernel.shape[2]
    largest = 0
    for begin in range(0, channels, GROUP):
        group = kernel[:, :, begin : begin + GROUP].astype(int)
        for first in range(group.shape[2]):
            for second in range(first):
                pair = group[:, :, [first, second]]
                for sign in (1, -1):
                    largest = max(largest, int(LEVELS * (sign * pair).clip(0).sum(axis=2).max()))
    return largest


def test_integers_for_saturating_sums_add_up_to_no_more_than_int16(integers: tuple[Integers, bool]) -> None:
    chosen, saturates = integers
    sums = [largest_partial_sum(layer.kernel) for layer in chosen.layers if not layer.layer.depthwise]
    assert (max(sums) <= INT16) == saturates


def test_integers_stand_for_the_weights_within_half_a_step_or_a_step_if_depthwise(calibration: Calibration) -> None:
    network = optimize(read_graph(MOBILE))
    for integers in choose_integers(network, find_layers(network), calibration, saturates=False).layers:
        layer, scale = integers.layer, integers.output.channel_scale if integers.output else np.float64(1)
        columns = (..., np.newaxis) if layer.depthwise else ...
        weight_step = np.broadcast_to(integers.products / integers.input.step, layer.channels)[columns]
        wanted = (
            layer.kernel * integers.input.channel_scale[:, np.newaxis] / np.broadcast_to(scale, layer.channels)[columns]
        )
        allowed = 1.001 if layer.depthwise else 0.501
        assert np.all(np.abs(integers.kernel * weight_step - wanted) <= weight_step * allowed)


def test_encodings_of_results_that_are_added_to_each_other_are_equal() -> None:
    encodings = choose_encodings(NETWORK, LAYERS, RANGES)
    [total] = [layer for layer in LAYERS if layer.summand]
    one, other = encodings[total.name], encodings[total.summand]
    assert one.step == other.step
    assert np.array_equal(one.channel_scale, other.channel_scale)
    assert np.array_equal(one.zero, other.zero)
    ends = one.steps * (np.array([[0], [LEVELS]]) - one.zero)
    np.testing.assert_allclose(ends, RANGES[total.name], rtol=1e-6, atol=1e-6)


def test_encoding_of_relu6_is_no_larger_than_6_in_any_channel() -> None:
    encodings = choose_encodings(NETWORK, LAYERS, RANGES)
    for layer in LAYERS:
        if layer.activation == "Relu6":
            top = encodings[layer.name].steps * LEVELS
            assert top.max() == pytest.approx(6)
            assert np.all(top >= np.minimum(RANGES[layer.name][1], 6) - 1e-6)
            assert not np.any(encodings[layer.name].zero)


def test_encoding_of_canvas_is_that_of_pixels() -> None:
    canvas = choose_encodings(NETWORK, LAYERS, RANGES)[NETWORK.canvas]
    values = canvas.steps * (np.array([[0], [127.5], [255]]) - canvas.zero)
    np.testing.assert_allclose(values, [[-1] * 3, [0] * 3, [1] * 3], atol=1e-6)


def test_choose_integers_with_calibration_of_other_channels_raises(calibration: Calibration) -> None:
    ranges = RANGES | {LAYERS[2].name: np.ones((2, 3), np.float32)}
    with pytest.raises(NotQuantizable, match=rf"has no range for the 8 channels of {LAYERS[2].name}"):
        choose_integers(NETWORK, LAYERS, replace(calibration, ranges=ranges), saturates=False)
