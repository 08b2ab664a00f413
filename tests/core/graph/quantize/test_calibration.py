"""The file of a calibration, and the errors for one that is missing, damaged or of another graph."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from core.graph.quantize.calibration import Calibration, Corrections, calibration_path, read_calibration
from core.weights.registry import MOBILE

CORRECTIONS = Corrections({"a": np.array([0.25, -1e-5], np.float32)}, np.array([0.5], np.float32))


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A file that stands for a graph, with a calibration."""
    path = tmp_path / "graph.pb"
    path.write_bytes(b"graph")
    ranges = {"a": np.array([[-1.5, 3.125], [0, 12.345]], np.float32)}
    checksum = hashlib.sha256(b"graph").hexdigest()
    Calibration(checksum, "2 photos", ranges, CORRECTIONS, CORRECTIONS).write(calibration_path(path))
    return path


def test_calibration_that_was_written_is_read_with_three_digits(graph: Path) -> None:
    calibration = read_calibration(graph)
    assert calibration.made_from == "2 photos"
    np.testing.assert_allclose(calibration.ranges["a"], [[-1.5, 3.12], [0, 12.3]], rtol=1e-6)
    for corrections in (calibration.exact, calibration.saturating):
        np.testing.assert_allclose(corrections.biases["a"], CORRECTIONS.biases["a"])
        np.testing.assert_allclose(corrections.padding, CORRECTIONS.padding)


def test_read_calibration_of_other_graph_raises_with_both_checksums(graph: Path) -> None:
    graph.write_bytes(b"another graph")
    checksums = [hashlib.sha256(content).hexdigest() for content in (b"graph", b"another graph")]
    message = rf"graph\.int8\.json belongs to a graph of sha256 {checksums[0]}, but .* has {checksums[1]}; make it with"
    with pytest.raises(ModelError, match=message):
        read_calibration(graph)


def test_read_calibration_without_file_raises_with_the_command(graph: Path) -> None:
    calibration_path(graph).unlink()
    with pytest.raises(ModelError, match=r"needs .*graph\.int8\.json, which does not exist; make it with: python cli"):
        read_calibration(graph)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ranges": 1}', "\xff", '{"exact": [1]}'])
def test_read_calibration_of_damaged_file_raises(text: str, graph: Path) -> None:
    calibration_path(graph).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"graph\.int8\.json is not a calibration"):
        read_calibration(graph)


def test_calibration_of_bundled_graph_belongs_to_it() -> None:
    calibration = read_calibration(MOBILE)
    assert calibration.graph_sha256 == hashlib.sha256(MOBILE.read_bytes()).hexdigest()
    assert len(calibration.ranges) == len(calibration.exact.biases) == len(calibration.saturating.biases)
