"""Paths of this machine and URLs: which is which."""

from pathlib import Path

import pytest

from commands.batch.location import file_system, is_local
from commands.batch.storage import Storage


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("photos", True),
        ("a::b", True),
        ("/a::b/c", True),
        ("file:///a::b", True),
        ("zip::photos.zip", False),
        ("zip://photos::file:///in.zip", False),
        ("s3://bucket/a", False),
    ],
)
def test_path_is_local_unless_it_begins_with_a_protocol(url: str, expected: bool) -> None:
    assert is_local(url) == expected


def test_existing_path_that_looks_like_a_chain_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("zip::a").mkdir()
    assert is_local("zip::a")


def test_url_of_path_with_two_colons_is_that_of_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "a::b").mkdir()
    storage = Storage(f"{tmp_path}/a::b")
    storage.write("x.png", b"content")
    assert Storage(storage.url).folder == storage.folder == tmp_path / "a::b"
    assert file_system(storage.url)[1] == f"{tmp_path}/a::b"
    assert (tmp_path / "a::b" / "x.png").read_bytes() == b"content"
