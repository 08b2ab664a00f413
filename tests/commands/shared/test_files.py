"""Files of results: whole or not there, and the folders that can't hold them."""

import errno
import os
from pathlib import Path

import pytest

from commands.shared.files import check_inside, check_name, complete, make_folder, why_not_writable, write


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


def test_complete_file_is_on_the_disk_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor: int) -> None:
        steps.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}'))}")
        fsync(descriptor)

    def recorded_replace(part: Path, file: Path) -> None:
        steps.append("replace")
        replace(part, file)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    write(tmp_path / "x.png", b"content")
    assert steps == ["sync .x.png.part", "replace", f"sync {tmp_path.name}"]
    steps.clear()
    make_folder(tmp_path / "a" / "b")
    assert steps[-2:] == [f"sync {tmp_path.name}", "sync a"]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_write_to_storage_that_can_not_sync_writes(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "x.png", b"content")
    assert (tmp_path / "x.png").read_bytes() == b"content"


def test_write_to_failing_disk_raises_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        write(tmp_path / "x.png", b"content")
    assert list(tmp_path.iterdir()) == []


def test_write_of_longest_name_writes_and_longer_one_is_refused_by_check_name(tmp_path: Path) -> None:
    write(tmp_path / ("a" * 255), b"content")
    check_name(tmp_path / ("a" * 255))
    with pytest.raises(OSError, match="the name is too long for a result; rename the photo"):
        check_name(tmp_path / ("a" * 256))
