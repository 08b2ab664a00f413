"""The optimizer on the full model's architecture: Xception-65 with pyramid pooling and a decoder, as it is exported."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.graph.load import Graph, read_graph
from core.graph.network import Network
from core.graph.optimize import UnknownStructure, optimize
from core.runtime.engine import Engine
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


def test_the_network_is_found(network: Network) -> None:
    assert (network.side, network.logits_stride, network.pointwise_head) == (513, 4, False)
    operations = [node.op for node in network.graph_def.node]
    assert operations.count("SpaceToBatchND") == 3  # the pyramid's: its dilations are large
    assert not {"FusedBatchNormV3", "Pad", "Identity", "AvgPool"} & set(operations)


def test_labels_equal_the_unmodified_graphs(graph: Graph, capfd: pytest.CaptureFixture[str]) -> None:
    stock = Engine(graph, OPTIONS, optimized=False)
    capfd.readouterr()
    ours = Engine(graph, OPTIONS)
    for photo, size in ((ASTRONAUT, (513, 513)), (CHELSEA, (513, 341))):
        image = np.asarray(Image.open(photo).resize(size))
        assert np.count_nonzero(ours.run(image) != stock.run(image)) <= 5  # ties of two classes' logits
    assert capfd.readouterr().err == ""  # TensorFlow's remapper, which fuses, complains here when it gives up


@pytest.mark.parametrize("size", [129, 65])
def test_the_edges_may_be_the_mobile_graphs(graph: Graph, network: Network, tmp_path: Path, size: int) -> None:
    """The zoo's own full graph has them, not those of the one that is tested here."""
    mobile = read_graph(MOBILE)
    at = optimize(mobile)
    names = {"cut": (network.canvas, network.logits), "at": (at.canvas, at.logits)}
    path = tmp_path / "grafted.pb"
    path.write_bytes(graft(graph.graph_def, mobile.graph_def, **names, size=size).SerializeToString())
    grafted = read_graph(path)
    if size == 65:
        with pytest.raises(UnknownStructure, match=r"is enlarged from 129 to \[\[513, 513\], \[65, 65\]\]"):
            optimize(grafted)
        return
    assert replace(optimize(grafted), graph_def=None, canvas="") == replace(network, graph_def=None, canvas="")
    image = np.asarray(Image.open(CHELSEA).resize((513, 341)))
    expected = Engine(grafted, OPTIONS, optimized=False).run(image)
    assert np.array_equal(Engine(graph, OPTIONS, optimized=False).run(image), expected)
    assert np.count_nonzero(Engine(grafted, OPTIONS).run(image) != expected) <= 5


def test_other_sizes_work(graph: Graph) -> None:
    fit = Engine(graph, EngineOptions(threads=2, canvas="fit"))
    for shape in ((1, 1), (16, 100), (129, 97), (600, 300)):
        assert fit.run(np.full((*shape, 3), 128, np.uint8)).shape == shape
