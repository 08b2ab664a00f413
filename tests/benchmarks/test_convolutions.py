"""The table of convolutions: what each node computes, and how it is counted."""

from collections import Counter

import numpy as np
import pytest

from benchmarks.convolutions.__main__ import Row, measure, trace_network
from benchmarks.convolutions.tracer import Operation
from core.graph.frozen_graph import read_graph
from core.graph.optimize import optimize
from core.weights.registry import MOBILE

POINTWISE = Operation("Conv2D", (1, 5, 7, 8), (1, 1, 8, 24), (1, 5, 7, 24), after=" + Relu6")
DEPTHWISE = Operation("DepthwiseConv2dNative", (1, 5, 7, 8), (3, 3, 8, 1), (1, 5, 7, 8), dilation=2)


def test_operation_counts_multiplications_and_additions() -> None:
    assert (POINTWISE.matrices, POINTWISE.flop) == ((35, 8, 24), 2 * 35 * 8 * 24)
    assert (DEPTHWISE.matrices, DEPTHWISE.flop) == ((35, 9, 8), 2 * 35 * 9 * 8)


def test_row_has_the_speed_of_one_node_and_of_its_peak() -> None:
    million = Operation("Conv2D", (1, 10, 10, 50), (1, 1, 50, 100), (1, 10, 10, 100))
    row = Row(million, size=4, milliseconds=[0.5, 1.5], peak=0.5)
    assert str(row) == "| 1 x 1: 10 x 10 x 50 -> 100 | 2 | 2.0 | 0.00 | 1 GFLOP/s | 2 GFLOP/s | 0.50 |"
    copy = Row(DEPTHWISE, size=4, milliseconds=[2.24e-3], peak=1.12e-3)
    assert str(copy).endswith("| 1 GB/s | 2 GB/s | 0.50 |")


@pytest.fixture(scope="module")
def report() -> list[str]:
    network = trace_network(MOBILE, "float32", threads=1, image=np.zeros((48, 64, 3), np.uint8))
    return list(measure(network, "float32", threads=1, runs=1))


def test_report_has_all_convolutions_of_the_session(report: list[str]) -> None:
    [pointwise, depthwise] = [line for line in report if " convolutions take " in line]
    counts = Counter(node.op for node in optimize(read_graph(MOBILE)).graph_def.node)
    assert pointwise.lstrip().startswith(f"{counts['Conv2D']} pointwise and full")
    assert depthwise.lstrip().startswith(f"{counts['DepthwiseConv2dNative']} depthwise")


def test_report_has_the_kinds_of_nodes(report: list[str]) -> None:
    assert any("FusedConv2D | 39 |" in line for line in report)
    shares = [float(line.split("|")[-2].strip(" %")) for line in report if line.endswith("% |")]
    assert 90 < sum(shares) < 100.1
