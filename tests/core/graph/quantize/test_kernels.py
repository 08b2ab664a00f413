"""oneDNN's integer kernels against the simulation of their arithmetic, layer by layer."""

import numpy as np
import pytest
from PIL import Image

from core.calibrator import Calibrator
from core.graph.editor import GraphEditor
from core.graph.frozen_graph import read_graph
from core.graph.network import Network
from core.graph.optimize import optimize
from core.graph.quantize.calibration import Calibration, read_calibration
from core.graph.quantize.integers import Integers, choose_integers
from core.graph.quantize.kernels import integer_network
from core.graph.quantize.layers import find_layers
from core.graph.quantize.simulation import compute_layer, simulated_network
from core.runtime.canvas import count_cells, image_pooling, place_on_canvas
from core.runtime.cpu import computes_int8, sums_int8_exactly
from core.tensorflow import tf
from core.types import UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import CHELSEA
from tests.support.small_networks import SIDE, small_network

pytestmark = pytest.mark.skipif(not computes_int8(), reason="TensorFlow has no kernels of int8 for this CPU")

SATURATES = not sums_int8_exactly()
# Values that are halfway between two integers may be rounded either way, since float32 sums depend on their order.
TIES = 1e-3


def photo(side: int) -> UInt8Array:
    """Return the sample photo at `side` x 3/4 `side` pixels."""
    return np.asarray(Image.open(CHELSEA).resize((side, side * 3 // 4)))


def calibrated(network: Network, side: int) -> Calibration:
    """Return ranges of `network` that one photo of `side` pixels has."""
    calibrator = Calibrator(network)
    calibrator.add(photo(side))
    ranges = calibrator.ranges()
    corrections = calibrator.corrections(ranges, list, saturates=SATURATES)
    return Calibration("", "", ranges, corrections, corrections)


@pytest.fixture(scope="module", params=["small", "mobile"])
def case(request: pytest.FixtureRequest) -> tuple[Network, Integers, UInt8Array]:
    """A network with its layers in integers, and a photo for it."""
    if request.param == "small":
        network = small_network()
        calibration, image = calibrated(network, SIDE), photo(SIDE)
    else:
        network = optimize(read_graph(MOBILE))
        calibration, image = read_calibration(MOBILE), photo(257)
    return network, choose_integers(network, find_layers(network), calibration, saturates=SATURATES), image


def test_each_kernel_computes_what_the_simulation_does(
    case: tuple[Network, Integers, UInt8Array],
) -> None:
    network, chosen, image = case
    kernels, simulated = integer_network(network, chosen), simulated_network(network, chosen)
    editor = GraphEditor(kernels.graph_def)
    height, width, _ = image.shape
    with tf.Graph().as_default():
        # Not a constant: TensorFlow would fold the values to constants, and a kernel writes over its summand.
        fed_image = tf.compat.v1.placeholder(tf.uint8, image.shape)
        canvas = place_on_canvas(fed_image, count_cells(height), count_cells(width), kernels)
        [features] = simulated.features_of(canvas)
        pooled = image_pooling(features, tf.zeros([features.shape[-1]]), kernels, "fixed")
        values = {network.canvas: tf.cast(canvas, tf.float32)}
        pairs = []
        for integers in chosen.layers:
            layer, image_bias = integers.layer, None
            # The kernel reads values that the simulation has computed, so that roundings of layers do not add up.
            inputs = editor.nodes[f"{layer.name}/integers"].input
            read = {inputs[0]: layer.source} | ({inputs[3]: layer.summand} if layer.summand else {})
            fed = {name: tf.bitcast(tf.cast(values[source], tf.uint8), tf.quint8) for name, source in read.items()}
            if layer.bias is None:
                [image_bias] = network.connect([layer.bias_node], {network.pooled: pooled})
                fed[network.pooled] = pooled
            values[layer.name] = compute_layer(integers, values[layer.source], values.get(layer.summand), image_bias)
            [computed] = kernels.connect([layer.name if integers.output is None else f"{layer.name}/integers"], fed)
            if integers.output is not None:
                computed = tf.cast(tf.bitcast(computed, tf.uint8), tf.float32)
            pairs.append((computed, values[layer.name]))
        # One layer at a time: a kernel writes its result over the summand, which the next pair may compare.
        with tf.compat.v1.Session() as session:
            results = [session.run(pair, {fed_image: image}) for pair in pairs]
    for integers, (computed, expected) in zip(chosen.layers, results, strict=True):
        if integers.output is None:
            np.testing.assert_allclose(computed, expected, atol=1e-3)
        else:
            assert np.abs(computed - expected).max() <= 1, integers.layer.name
            assert np.mean(computed != expected) < TIES, integers.layer.name
            assert len(np.unique(expected)) > 20, f"{integers.layer.name} is tested with hardly any values"


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (16, 17), (49, 65), (65, 66)])
def test_features_are_added_up_exactly(case: tuple[Network, Integers, UInt8Array], rows: int, columns: int) -> None:
    network, integers, _ = case
    kernels = integer_network(network, integers)
    assert kernels.feature_steps is not None
    features = np.random.default_rng(0).integers(0, 256, (1, rows, columns, len(kernels.feature_steps)), np.uint8)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        sums = session.run(kernels.sums_of(tf.constant(features)))
    assert np.array_equal(sums.sum(axis=(1, 2)), features.sum(axis=(1, 2), dtype=np.int64))
