"""The bundled graph is the one that the code says it is."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from core.errors import ModelError
from core.weights import WEIGHTS


@pytest.mark.parametrize("model_type", WEIGHTS)
def test_bundled_graph_has_the_recorded_checksum(model_type: str) -> None:
    weights = WEIGHTS[model_type]
    assert hashlib.sha256(weights.path.read_bytes()).hexdigest() == weights.sha256
    weights.verify()


def test_damaged_graph_is_refused_with_both_checksums() -> None:
    weights = dataclasses.replace(WEIGHTS["mobile"], sha256="0" * 64)
    with pytest.raises(ModelError, match=rf"{WEIGHTS['mobile'].sha256}, expected {'0' * 64}.*git checkout assets/"):
        weights.verify()


def test_missing_graph_is_refused_with_its_path(tmp_path: Path) -> None:
    weights = dataclasses.replace(WEIGHTS["mobile"], path=tmp_path / "gone.pb")
    with pytest.raises(ModelError, match=r"gone\.pb can't be read: No such file"):
        weights.verify()


def test_assets_readme_gives_the_checksums() -> None:
    readme = (WEIGHTS["mobile"].path.parent / "README.md").read_text()
    for file in WEIGHTS["mobile"].path.parent.iterdir():
        if file.suffix in {".pb", ".jpg"}:
            assert f"`{file.name}`" in readme
            assert hashlib.sha256(file.read_bytes()).hexdigest() in readme
