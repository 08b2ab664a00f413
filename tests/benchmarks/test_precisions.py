"""The benchmark of precisions: its ratios, and which precisions it runs."""

import shutil
from pathlib import Path

import pytest

from benchmarks.engines.backends import CANVAS
from benchmarks.precisions import STOCK, Times, usable_precisions
from core.graph.quantize.calibration import calibration_path
from core.weights.registry import MOBILE


def test_times_are_beside_the_unmodified_graph_and_float32() -> None:
    times = Times()
    times.rounds[STOCK, CANVAS] = [100, 200]
    times.rounds["float32", 257] = [50, 100]
    times.rounds["int8", 257] = [10, 40]
    assert times.column("float32", 257) == "0.50 (0.50-0.50)"
    assert times.column("int8", 257) == "0.15 (0.12-0.18); 0.30"
    assert times.units() == "150 ms"


def test_int8_needs_a_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.precisions.computes_int8", lambda: True)
    graph = Path(shutil.copy(MOBILE, tmp_path))
    assert "int8" not in usable_precisions(graph)
    shutil.copy(calibration_path(MOBILE), calibration_path(graph))
    assert "int8" in usable_precisions(graph)
