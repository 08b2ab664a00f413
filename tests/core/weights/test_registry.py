"""Which graph is served: the bundled one, one in the cache folder, or the user's own; each the one it should be."""

import dataclasses
import hashlib
import io
import logging
import shutil
import tarfile
from pathlib import Path

import pytest

from core import weights
from core.errors import ModelError
from core.labels import LABELS
from core.weights.registry import MOBILE, MODELS, cached, find, own

SHA512 = hashlib.sha512(MOBILE.read_bytes()).hexdigest()


def test_the_bundled_graph_is_found_and_verified(tmp_path: Path) -> None:
    found = find("mobile", tmp_path)
    assert (found.path, found.labels, found.backbone) == (MOBILE, LABELS, "MobileNetV2")
    assert found.sha256 == hashlib.sha256(MOBILE.read_bytes()).hexdigest()


def test_a_damaged_bundled_graph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS, "mobile", dataclasses.replace(MODELS["mobile"], sha512="0" * 128))
    message = rf"damaged: its sha512 is {SHA512}, expected {'0' * 128}.*git checkout assets/"
    with pytest.raises(ModelError, match=message):
        find("mobile", tmp_path)


def test_a_missing_graph_is_refused_with_the_command_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"not there: {tmp_path}/\S+\.pb; get it with: python cli\.py fetch full"):
        find("full", tmp_path)


def test_a_cached_graph_is_verified_by_the_checksum_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = cached(MODELS["full"], tmp_path)
    shutil.copy(MOBILE, path)
    with pytest.raises(ModelError, match=f"its sha512 is {SHA512}, expected 6950b487.*python cli.py fetch full"):
        find("full", tmp_path)
    assert not caplog.messages
    with caplog.at_level(logging.WARNING):
        assert find("full", tmp_path, SHA512).path == path
    assert f"the graph of full is checked against MODEL_SHA512, {SHA512}, not against the zoo's own" in caplog.messages


def test_an_unreadable_graph_is_refused(tmp_path: Path) -> None:
    cached(MODELS["full"], tmp_path).mkdir()
    with pytest.raises(ModelError, match="can't be read: Is a directory"):
        find("full", tmp_path)
    with pytest.raises(ModelError, match=r"gone\.pb can't be read: No such file"):
        own(tmp_path / "gone.pb", None)


def archive(path: Path, **files: bytes) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"folder/{name.replace('_DOT_', '.')}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_ones_own_labels_come_from_the_file_the_archive_or_voc(tmp_path: Path) -> None:
    assert own(MOBILE, None).labels == LABELS
    file = tmp_path / "names.txt"
    file.write_text("nothing\nroad\n")
    assert own(MOBILE, file).labels == ("nothing", "road")
    model = archive(tmp_path / "model.tar.gz", labels_DOT_txt=b"ground\nsky\ntree")
    assert own(model, None).labels == ("ground", "sky", "tree")
    assert own(model, file).labels == ("nothing", "road")
    with pytest.raises(ModelError, match=r"MODEL_LABELS='.*gone' can't be read: No such file"):
        own(MOBILE, tmp_path / "gone")


def test_the_checksums_are_written_where_people_look_for_them() -> None:
    readme = (MOBILE.parent / "README.md").read_text()
    for file in MOBILE.parent.iterdir():
        if file.suffix in {".pb", ".jpg"}:
            assert f"`{file.name}`" in readme
            assert hashlib.sha256(file.read_bytes()).hexdigest() in readme
    assert all(len(model.sha512) == 128 and len(model.archive_md5) == 32 for model in weights.MODELS.values())
