"""Files of results: whole or not there, and the folders that can't hold them."""

import os
from pathlib import Path

import pytest

from commands.files import complete, duplicates, ignores_case, why_not_writable, write


def test_write_replaces_a_file(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        write(tmp_path / "x.png", content)
    assert (tmp_path / "x.png").read_bytes() == b"two"


def test_file_that_could_not_be_completed_keeps_its_old_content(tmp_path: Path) -> None:
    write(tmp_path / "x.png", b"old")

    def fail() -> None:
        with complete(tmp_path / "x.png") as file:
            file.write(b"new")
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        fail()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_write_to_a_device_does_not_replace_it() -> None:
    write(Path("/dev/null"), b"content")
    assert Path("/dev/null").is_char_device()


def test_why_not_writable_creates_folders_and_tells_which(tmp_path: Path) -> None:
    made: list[Path] = []
    assert why_not_writable(tmp_path / "a" / "b", made) == ""
    assert made == [tmp_path / "a", tmp_path / "a" / "b"]
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").touch()
    assert why_not_writable(tmp_path / "file" / "c", made) == "Not a directory"


def test_ignores_case_of_a_linux_file_system_is_false_and_leaves_nothing(tmp_path: Path) -> None:
    assert not ignores_case(tmp_path / "missing" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_duplicates_are_paths_that_differ_in_case_or_composition_only() -> None:
    paths = ["a/B.jpg", "a/c.jpg", "A/b.JPG", "\u00e9.jpg", "e\u0301.jpg"]
    assert list(duplicates(paths)) == [("a/B.jpg", "A/b.JPG"), ("\u00e9.jpg", "e\u0301.jpg")]
