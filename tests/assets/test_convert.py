"""The converter of the TensorFlow.js package, on a small package."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from assets import convert

TOPOLOGY = {
    "node": [
        {"name": name, "op": "Const", "attr": {"dtype": {"type": type_}, "value": {"tensor": {"dtype": type_}}}}
        for name, type_ in (("a", "DT_FLOAT"), ("b", "DT_INT32"))
    ],
    "library": {},
    "versions": {},
}
WEIGHTS: list[convert.Json] = [
    {"name": "b", "shape": [2], "dtype": "int32"},
    {"name": "a", "shape": [], "dtype": "float32"},
]
VALUES = np.array([7, 8], "<i4").tobytes() + np.array(0.5, "<f4").tobytes()


def test_rebuild_fills_constants_in_the_order_of_the_manifest() -> None:
    graph = convert.rebuild(TOPOLOGY, WEIGHTS, VALUES)
    content = {node.name: node.attr["value"].tensor.tensor_content for node in graph.node}
    assert np.frombuffer(content["a"], "<f4") == 0.5
    assert np.frombuffer(content["b"], "<i4").tolist() == [7, 8]


def test_rebuild_with_left_over_bytes_exits_with_message() -> None:
    with pytest.raises(SystemExit, match="12 bytes of weights, but the shards hold 13"):
        convert.rebuild(TOPOLOGY, WEIGHTS, VALUES + b"\0")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a package whose weights are split into two shards, in the middle of a value."""
    model = {"modelTopology": TOPOLOGY, "weightsManifest": [{"paths": ["s1", "s2"], "weights": WEIGHTS}]}
    package = tmp_path / "package.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name, content in (("model.json", json.dumps(model).encode()), ("s1", VALUES[:5]), ("s2", VALUES[5:])):
            member = tarfile.TarInfo(f"package/model/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return package


def test_read_package_joins_the_shards(package: Path) -> None:
    assert convert.read_package(package) == (TOPOLOGY, WEIGHTS, VALUES)


def test_check_integrity_of_another_package_exits_with_message(package: Path) -> None:
    with pytest.raises(SystemExit, match="expected integrity sha512-64TEU"):
        convert.check_integrity(package)
