"""Known graphs, bundled or cached, and custom graphs: their verification and their class names."""

import dataclasses
import hashlib
import io
import logging
import shutil
import tarfile
from pathlib import Path

import pytest

from core.errors import ModelError
from core.labels import LABELS
from core.weights.registry import MOBILE, MODELS, cached_graph, custom_weights, known_weights

SHA512 = hashlib.sha512(MOBILE.read_bytes()).hexdigest()


def archive(path: Path, labels: bytes) -> Path:
    """Write an archive with a labels.txt in a folder."""
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("folder/labels.txt")
        member.size = len(labels)
        tar.addfile(member, io.BytesIO(labels))
    return path


@pytest.fixture
def labels_file(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("nothing\nroad\n")
    return path


def test_known_weights_of_bundled_graph_are_verified(tmp_path: Path) -> None:
    found = known_weights("mobile", tmp_path)
    assert (found.path, found.labels, found.backbone) == (MOBILE, LABELS, "MobileNetV2")
    assert found.sha256 == hashlib.sha256(MOBILE.read_bytes()).hexdigest()


def test_known_weights_of_damaged_bundled_graph_raises_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODELS, "mobile", dataclasses.replace(MODELS["mobile"], sha512="0" * 128))
    message = (
        rf"damaged: its sha512 is {SHA512}, expected {'0' * 128}; restore it with: "
        rf"git checkout assets/{MOBILE.name}"
    )
    with pytest.raises(ModelError, match=message):
        known_weights("mobile", tmp_path)


def test_known_weights_of_missing_graph_names_the_command_that_downloads_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"is missing: {tmp_path}/\S+\.pb; get it with: python cli\.py fetch full"):
        known_weights("full", tmp_path)


def test_known_weights_of_cached_graph_with_other_checksum_raises_model_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(MOBILE, cached_graph(MODELS["full"], tmp_path))
    with pytest.raises(ModelError, match=f"its sha512 is {SHA512}, expected 6950b487.*python cli.py fetch full"):
        known_weights("full", tmp_path)
    assert not caplog.messages


def test_known_weights_with_given_checksum_replaces_known_one_and_logs_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = cached_graph(MODELS["full"], tmp_path)
    shutil.copy(MOBILE, path)
    with caplog.at_level(logging.WARNING):
        assert known_weights("full", tmp_path, SHA512).path == path
    assert caplog.messages == [
        f"the graph of full is verified with MODEL_SHA512, {SHA512}, not with the zoo's checksum"
    ]


def test_known_weights_of_unreadable_graph_raises_model_error(tmp_path: Path) -> None:
    cached_graph(MODELS["full"], tmp_path).mkdir()
    with pytest.raises(ModelError, match="can't be read: Is a directory"):
        known_weights("full", tmp_path)


def test_custom_weights_of_missing_file_raises_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.pb can't be read: No such file"):
        custom_weights(tmp_path / "gone.pb", None)


def test_custom_weights_without_labels_have_pascal_voc_labels() -> None:
    assert custom_weights(MOBILE, None).labels == LABELS


def test_custom_weights_with_labels_file_have_its_labels(labels_file: Path) -> None:
    assert custom_weights(MOBILE, labels_file).labels == ("nothing", "road")


def test_custom_weights_of_archive_have_labels_in_archive(tmp_path: Path) -> None:
    model = archive(tmp_path / "model.tar.gz", b"ground\nsky\ntree")
    assert custom_weights(model, None).labels == ("ground", "sky", "tree")


def test_custom_weights_of_archive_with_labels_file_have_labels_of_file(tmp_path: Path, labels_file: Path) -> None:
    model = archive(tmp_path / "model.tar.gz", b"ground\nsky\ntree")
    assert custom_weights(model, labels_file).labels == ("nothing", "road")


def test_custom_weights_with_missing_labels_file_raises_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"MODEL_LABELS='.*gone' can't be read: No such file"):
        custom_weights(MOBILE, tmp_path / "gone")


def test_checksums_of_bundled_files_are_in_readme_of_assets() -> None:
    readme = (MOBILE.parent / "README.md").read_text()
    for file in MOBILE.parent.iterdir():
        if file.suffix in {".pb", ".jpg"}:
            assert f"`{file.name}`" in readme
            assert hashlib.sha256(file.read_bytes()).hexdigest() in readme


@pytest.mark.parametrize("name", MODELS)
def test_known_model_has_checksums_of_full_length(name: str) -> None:
    assert len(MODELS[name].sha512) == 128
    assert len(MODELS[name].archive_md5) == 32
