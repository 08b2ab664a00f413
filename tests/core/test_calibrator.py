"""Measuring a network on photos, so that its integers have the float values on average."""

import numpy as np
import pytest

from core.calibrator import Calibrator
from core.graph.network import Network
from core.graph.quantize.calibration import Calibration, Corrections
from core.graph.quantize.integers import choose_integers
from core.graph.quantize.simulation import simulated_network
from core.runtime.canvas import count_cells, in_real_units, place_on_canvas
from core.tensorflow import tf
from core.types import Array, UInt8Array
from tests.support.small_networks import SIDE, small_network

NETWORK = small_network()


def patches(count: int, seed: int) -> list[UInt8Array]:
    """Return photos of SIDE pixels with patches of random colours."""
    cells = np.random.default_rng(seed).integers(0, 256, (count, 9, 9, 3), np.uint8)
    return [np.kron(photo, np.ones((4, 4, 1), np.uint8))[:SIDE, :SIDE] for photo in cells]


@pytest.fixture(scope="module")
def calibrator() -> Calibrator:
    """A calibrator of NETWORK that has measured 20 photos."""
    calibrator = Calibrator(NETWORK)
    for photo in patches(20, seed=1):
        calibrator.add(photo)
    return calibrator


def features(network: Network, photos: list[UInt8Array]) -> list[Array]:
    """Return the features of each photo, or of padding alone if it has no pixels, float32 [1, rows, columns, channels].

    One graph is for all of them: each session compiles its graph, which takes longer than the features.
    """
    cells = count_cells(SIDE)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        photo = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
        [result] = network.features_of(place_on_canvas(photo, cells, cells, network))
        wanted = in_real_units(result, network)
        return [session.run(wanted, {photo: pixels}) for pixels in photos]


def test_ranges_are_those_of_the_values_of_each_layer(calibrator: Calibrator) -> None:
    ranges = calibrator.ranges()
    for layer in calibrator.layers:
        low, high = ranges[layer.name]
        assert low.shape == (layer.channels,)
        assert np.all(low < high) if layer.linear else np.all((low >= 0) & (low <= high))
        assert layer.activation != "Relu6" or high.max() <= 6


@pytest.mark.parametrize("saturates", [False, True], ids=["exact", "saturating"])
def test_corrections_bring_the_mean_features_of_other_photos_nearer_to_float32(
    calibrator: Calibrator, saturates: bool
) -> None:
    ranges = calibrator.ranges()
    corrections = calibrator.corrections(ranges, list, saturates=saturates)
    assert corrections.biases.keys() == ranges.keys()
    errors = []
    for used in (Corrections({}, corrections.padding), corrections):
        calibration = Calibration("", "", ranges, used, used)
        simulated = simulated_network(
            NETWORK, choose_integers(NETWORK, calibrator.layers, calibration, saturates=saturates)
        )
        photos = patches(20, seed=2)
        found, expected = (np.mean(features(network, photos), axis=(0, 1, 2, 3)) for network in (simulated, NETWORK))
        errors.append(np.abs(found - expected).mean())
    assert errors[1] < errors[0] * 0.75


def test_correction_of_padding_brings_its_mean_features_to_those_of_float32(calibrator: Calibrator) -> None:
    ranges = calibrator.ranges()
    corrections = calibrator.corrections(ranges, list, saturates=False)
    calibration = Calibration("", "", ranges, corrections, corrections)
    simulated = simulated_network(NETWORK, choose_integers(NETWORK, calibrator.layers, calibration, saturates=False))
    empty = np.zeros((0, 0, 3), np.uint8)
    found, expected = (features(network, [empty])[0].mean(axis=(0, 1, 2)) for network in (simulated, NETWORK))
    np.testing.assert_allclose(found + corrections.padding, expected, atol=1e-5)
