"""Files of results: whole or not there, and the folders that can't hold them."""

import os
from pathlib import Path

import pytest

from commands.shared.files import check_inside, complete, why_not_writable, write


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


def test_write_replaces_a_link_in_the_place_of_the_file_or_of_its_part(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    for name in ("x.png", ".x.png.part"):
        (tmp_path / name).symlink_to(tmp_path / "other")
    write(tmp_path / "x.png", b"content")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x.png": b"content", "other": b"other"}
    assert not (tmp_path / "x.png").is_symlink()


def test_check_inside_of_link_that_leads_out_raises_an_error(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (tmp_path / "rooted").mkdir()
    for name, target in (("inner", root / "real"), ("outer", tmp_path), ("sibling", tmp_path / "rooted")):
        (root / name).symlink_to(target)
    (tmp_path / "link").symlink_to(root)
    for folder in (root, root / "new" / "deep", root / "inner" / "new", tmp_path / "link" / "real"):
        check_inside(folder, root)
        check_inside(folder, tmp_path / "link")
    for folder in (root / "outer", root / "sibling" / "new"):
        with pytest.raises(OSError, match=r"a link leads out of .*; remove the link, or write to its target"):
            check_inside(folder, root)


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
