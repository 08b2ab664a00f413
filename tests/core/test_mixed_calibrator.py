"""A network with a decoder, whose large pointwise convolutions are integers and whose other layers are float32."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from core.graph.network import Network
from core.graph.quantize import pointwise
from core.graph.quantize.calibration import Calibration
from core.graph.quantize.compiler import is_mixed, quantize
from core.graph.quantize.layers import NotQuantizable
from core.mixed_calibrator import LARGEST_ERROR, MixedCalibrator
from core.runtime.canvas import count_cells, place_on_canvas
from core.runtime.cpu import computes_int8, sums_int8_exactly
from core.tensorflow import tf
from core.types import Array, UInt8Array
from tests.core.test_calibrator import patches
from tests.support.small_networks import CHANNELS, SIDE, small_decoder_network, small_network

NETWORK = small_decoder_network()
SATURATES = not sums_int8_exactly()


@pytest.fixture(scope="module", autouse=True)
def _small_kernels() -> Iterator[None]:
    """Take the kernels of NETWORK for large ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pointwise, "MIN_WEIGHTS", CHANNELS * CHANNELS)
        yield


@pytest.fixture(scope="module")
def calibrator(_small_kernels: None) -> MixedCalibrator:
    """A calibrator of NETWORK that has measured 20 photos."""
    calibrator = MixedCalibrator(NETWORK)
    for photo in patches(20, seed=1):
        calibrator.add(photo)
    return calibrator


@pytest.fixture(scope="module")
def calibration(calibrator: MixedCalibrator) -> Calibration:
    """The calibration of NETWORK."""
    ranges = calibrator.ranges()
    exact, saturating = (calibrator.corrections(ranges, list, saturates=saturates) for saturates in (False, True))
    return Calibration("", "", ranges, exact, saturating)


def logits(network: Network, photos: list[UInt8Array]) -> Array:
    """Return the logits of each photo, float32 [photos, rows, columns, classes]; features are pooled by their mean."""
    cells = count_cells(SIDE)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        photo = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
        features = network.features_of(place_on_canvas(photo, cells, cells, network))
        result = network.logits_of(features, tf.reduce_mean(features[0], [1, 2], keepdims=True))
        return np.concatenate([session.run(result, {photo: pixels}) for pixels in photos])


def relative_error(found: Array, expected: Array) -> float:
    return float(np.sqrt(np.mean((found - expected) ** 2)) / expected.std())


def test_pointwise_convolutions_that_are_large_and_have_a_constant_bias_are_found(calibrator: MixedCalibrator) -> None:
    # Those of the image pooling, of one cell, and of the logits, with few weights, are none of them.
    assert [layer.rectified for layer in calibrator.layers] == [True, False, True, True]
    assert calibrator.layers[2].result == calibrator.layers[3].source == NETWORK.features


@pytest.mark.parametrize("saturates", [False, True], ids=["exact", "saturating"])
def test_logits_of_other_photos_are_near_those_of_float32(calibration: Calibration, saturates: bool) -> None:
    photos = patches(10, seed=2)
    simulated = quantize(NETWORK, calibration, saturates=saturates, simulated=True)
    error = relative_error(logits(simulated, photos), logits(NETWORK, photos))
    assert 1e-4 < error < 0.03


def test_corrections_bring_the_mean_logits_nearer_to_float32(calibration: Calibration) -> None:
    photos = patches(10, seed=2)
    expected = logits(NETWORK, photos).mean(axis=(0, 1, 2))
    without = replace(calibration, exact=replace(calibration.exact, biases={}))
    errors = [
        np.abs(logits(quantize(NETWORK, used, saturates=False, simulated=True), photos).mean(axis=(0, 1, 2)) - expected)
        for used in (without, calibration)
    ]
    assert errors[1].mean() < errors[0].mean()


@pytest.mark.skipif(not computes_int8(), reason="TensorFlow has no kernels of int8 for this CPU")
def test_kernels_compute_what_the_simulation_does(calibration: Calibration) -> None:
    photos = patches(3, seed=3)
    kernels, simulated = (
        logits(quantize(NETWORK, calibration, saturates=SATURATES, simulated=simulated), photos)
        for simulated in (False, True)
    )
    # A value that is halfway between two integers may be rounded either way.
    assert relative_error(kernels, simulated) < 1e-3
    operations = [node.op for node in quantize(NETWORK, calibration, saturates=SATURATES).graph_def.node]
    assert operations.count("_FusedQuantizedConv2D") == 4


def test_layer_with_large_errors_stays_float32(calibrator: MixedCalibrator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.mixed_calibrator.LARGEST_ERROR", 0.0)
    assert 0 < LARGEST_ERROR < 1
    assert calibrator.ranges() == {}


def test_layer_after_the_features_reads_them_alone(calibrator: MixedCalibrator, calibration: Calibration) -> None:
    name, photos = calibrator.layers[-1].name, patches(3, seed=4)
    only = replace(calibration, ranges={name: calibration.ranges[name]})
    network = quantize(NETWORK, only, saturates=False, simulated=True)
    assert 1e-4 < relative_error(logits(network, photos), logits(NETWORK, photos)) < 0.03


def test_calibration_of_other_channels_is_an_error(calibration: Calibration) -> None:
    [name, *_] = calibration.ranges
    other = replace(calibration, ranges={name: calibration.ranges[name][:, 1:]})
    with pytest.raises(NotQuantizable, match=f"{name} has other channels than the {CHANNELS} of it"):
        quantize(NETWORK, other, saturates=False)


def test_network_without_large_kernels_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pointwise, "MIN_WEIGHTS", 10**6)
    with pytest.raises(NotQuantizable, match="no 1 x 1 convolution with a bias has 1,000,000 weights or more"):
        MixedCalibrator(NETWORK)


def test_network_without_decoder_is_compiled_as_a_whole() -> None:
    assert is_mixed(NETWORK)
    assert not is_mixed(small_network())
