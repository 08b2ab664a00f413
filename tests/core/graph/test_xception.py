"""The optimizer on an exported graph of the full model: Xception-65 with pyramid pooling and a decoder."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.export import INPUT, LABELS, portable_graph
from core.graph.frozen_graph import Graph, read_graph
from core.graph.network import Network
from core.graph.optimize import UnknownStructure, optimize
from core.graph.quantize.calibration import Calibration
from core.graph.quantize.compiler import quantize
from core.mixed_calibrator import MixedCalibrator
from core.runtime.cpu import computes_int8, sums_int8_exactly
from core.runtime.engine import Engine
from core.tensorflow import tf
from core.types import EngineOptions
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.tiny_graphs import graft

OPTIONS = EngineOptions(threads=2, canvas="fixed")


@pytest.fixture(scope="module")
def graph() -> Graph:
    path = os.environ.get("FULL_GRAPH")
    if not path:
        pytest.skip("FULL_GRAPH does not name a frozen graph of DeepLabV3 with an Xception-65")
    return read_graph(Path(path))


@pytest.fixture(scope="module")
def network(graph: Graph) -> Network:
    return optimize(graph)


def test_optimize_of_xception_keeps_space_to_batch_of_the_pyramid_only(network: Network) -> None:
    assert (network.side, network.logits_stride, network.pointwise_head) == (513, 4, False)
    operations = [node.op for node in network.graph_def.node]
    assert operations.count("SpaceToBatchND") == 3  # one per large dilation of the pyramid pooling
    assert not {"FusedBatchNormV3", "Pad", "Identity", "AvgPool"} & set(operations)


def test_engine_with_xception_gives_the_labels_of_the_unmodified_graph(
    graph: Graph, capfd: pytest.CaptureFixture[str]
) -> None:
    stock = Engine(graph, OPTIONS, optimized=False)
    capfd.readouterr()
    optimized = Engine(graph, OPTIONS)
    for photo, size in ((ASTRONAUT, (513, 513)), (CHELSEA, (513, 341))):
        image = np.asarray(Image.open(photo).resize(size))
        assert np.count_nonzero(optimized.run(image) != stock.run(image)) <= 5  # ties between the logits of two classes
    assert capfd.readouterr().err == ""  # TensorFlow logs here if its remapper, which fuses nodes, fails


@pytest.mark.skipif(not computes_int8(), reason="TensorFlow has no kernels of int8 for this CPU")
def test_xception_in_integers_gives_the_labels_of_float32(graph: Graph, network: Network) -> None:
    calibrator = MixedCalibrator(network)
    for photo in (ASTRONAUT, CHELSEA):
        calibrator.add(np.asarray(Image.open(photo).resize((257, 257))))
    ranges = calibrator.ranges()
    assert len(ranges) > 55  # of 63 large pointwise convolutions
    saturates = not sums_int8_exactly()
    corrections = calibrator.corrections(ranges, list, saturates=saturates)
    integers = quantize(network, Calibration("", "", ranges, corrections, corrections), saturates=saturates)
    image = np.asarray(Image.open(CHELSEA).resize((513, 341)))
    labels = [Engine(graph, EngineOptions(threads=2), network=one).run(image) for one in (network, integers)]
    assert np.mean(labels[0] == labels[1]) > 0.98


def with_mobile_edges(graph: Graph, network: Network, size: int, path: Path) -> Graph:
    """Return the network of `graph` with the pre- and post-processing of the mobile graph, written to `path`.

    The full graph of the model zoo has these. The graph that is tested here has others.
    """
    mobile = read_graph(MOBILE)
    mobile_network = optimize(mobile)
    cut, at = (network.canvas, network.logits), (mobile_network.canvas, mobile_network.logits)
    path.write_bytes(graft(graph.graph_def, mobile.graph_def, cut=cut, at=at, size=size).SerializeToString())
    return read_graph(path)


def test_engine_with_xception_and_mobile_edges_gives_the_same_labels(
    graph: Graph, network: Network, tmp_path: Path
) -> None:
    grafted = with_mobile_edges(graph, network, 129, tmp_path / "grafted.pb")
    assert replace(optimize(grafted), graph_def=None, canvas="") == replace(network, graph_def=None, canvas="")
    image = np.asarray(Image.open(CHELSEA).resize((513, 341)))
    expected = Engine(grafted, OPTIONS, optimized=False).run(image)
    assert np.array_equal(Engine(graph, OPTIONS, optimized=False).run(image), expected)
    assert np.count_nonzero(Engine(grafted, OPTIONS).run(image) != expected) <= 5


def test_optimize_of_logits_resized_to_another_size_raises(graph: Graph, network: Network, tmp_path: Path) -> None:
    grafted = with_mobile_edges(graph, network, 65, tmp_path / "grafted.pb")
    with pytest.raises(UnknownStructure, match=r"is resized from 129 to \[\[513, 513\], \[65, 65\]\]"):
        optimize(grafted)


def test_engine_with_xception_accepts_other_image_sizes(graph: Graph) -> None:
    fit = Engine(graph, EngineOptions(threads=2, canvas="fit"))
    for shape in ((1, 1), (16, 100), (129, 97), (600, 300)):
        assert fit.run(np.full((*shape, 3), 128, np.uint8)).shape == shape


def test_export_of_xception_for_other_engines_dilates_itself_and_gives_the_same_labels(graph: Graph) -> None:
    exported = portable_graph(graph, "fit", dilates=True)
    assert "SpaceToBatchND" not in {node.op for node in exported.node}
    session = tf.compat.v1.Session(graph=imported(exported))
    image = np.asarray(Image.open(CHELSEA).resize((129, 86)))
    expected = Engine(graph, EngineOptions(threads=2)).run(image)
    assert np.mean(session.run(f"{LABELS}:0", {f"{INPUT}:0": image}) == expected) > 0.999


def imported(graph_def: Any) -> tf.Graph:
    """Return the graph of `graph_def`."""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    return graph
