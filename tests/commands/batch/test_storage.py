"""Folders of local disks, archives and buckets: listing, reading and writing."""

import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pytest

from commands.batch.storage import Storage
from commands.shared.photos import LeftOut
from core.errors import SegmenterError
from tests.support.hostile_names import HOSTILE_NAMES, write_archive
from tests.support.paths import CHELSEA
from tests.support.users import unprivileged


def photos(source: Storage, target: Storage, left_out: LeftOut | None = None) -> list[str]:
    """Return the sorted paths of the photos in `source` that are not in `target`."""
    return sorted(path for paths in source.photos(target, left_out or LeftOut()) for path in paths.to_pylist())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with photos, results, a link to itself and the part of a file."""
    folder = tmp_path / "in"
    for name in ("a.jpg", "b.TIFF", "sub/c.webp", "sub/a.mask.png", "out/d.png", "notes.txt", ".e.png.part"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "sub" / "loop").symlink_to(folder)
    return folder


def test_photos_of_folder_leave_out_results_links_and_target(folder: Path) -> None:
    source, target = Storage(str(folder)), Storage(str(folder / "out"))
    assert photos(source, target) == ["a.jpg", "b.TIFF", "sub/c.webp"]


def test_photos_of_folder_with_unreadable_subfolder_are_the_others(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "a.jpg").touch()
    left_out = LeftOut()
    with unprivileged(tmp_path):
        [found] = Storage(str(tmp_path)).photos(Storage("memory://out"), left_out)
    assert found.to_pylist() == ["a.jpg"]
    assert left_out.errors == ["closed: Permission denied; the photos in it are left out"]


def test_photos_of_unreadable_folder_raise_an_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with unprivileged(tmp_path), pytest.raises(PermissionError):
        list(Storage(f"{tmp_path}/closed").photos(Storage("memory://out"), LeftOut()))


def test_photos_leave_out_other_files_and_names_that_are_not_utf8(folder: Path) -> None:
    (folder / b"gr\xfcn.jpg".decode(errors="surrogateescape")).touch()
    left_out = LeftOut()
    list(Storage(str(folder)).photos(Storage("memory://out"), left_out))
    assert left_out.lines() == [
        "left out, hidden or unfinished files: .e.png.part",
        "left out, not photos: notes.txt",
        "left out, links to folders: sub/loop",
        "left out, results of earlier runs: sub/a.mask.png",
    ]
    [error] = left_out.errors
    assert error.startswith("gr\udcfcn.jpg: the name is not UTF-8, which the manifest can't hold; rename the file")


def test_photos_of_folder_that_is_its_own_target_are_all_found(folder: Path) -> None:
    source = Storage(str(folder))
    assert photos(source, source) == ["a.jpg", "b.TIFF", "out/d.png", "sub/c.webp"]


def test_photos_of_folder_in_zip_archive_are_found_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(CHELSEA, "photos/cat.jpg")
        archive.write(CHELSEA, "other/cat.jpg")
    monkeypatch.chdir(tmp_path)
    zipped = Storage("zip://photos::in.zip")
    assert zipped.url == f"zip://photos::file://{tmp_path}/in.zip"
    assert zipped.is_folder()
    assert photos(zipped, Storage(str(tmp_path))) == ["cat.jpg"]
    with zipped.open("cat.jpg") as file:
        assert file.read() == CHELSEA.read_bytes()


# The formats of archives end a name at a NUL, and TAR has no empty parts of paths but the first one.
IN_ARCHIVE = {name.partition("\0")[0]: b"" for name in HOSTILE_NAMES}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_photos_of_archive_with_names_that_lead_out_are_the_others(kind: str, tmp_path: Path) -> None:
    write_archive(tmp_path / f"in.{kind}", {"good.jpg": b"", "sub/good.jpg": b"", "../notes.txt": b""} | IN_ARCHIVE)
    left_out = LeftOut()
    [found] = Storage(f"{kind}::file://{tmp_path}/in.{kind}").photos(Storage(str(tmp_path)), left_out)
    served = {"good.jpg", "sub/good.jpg"} | ({"a/f.jpg"} if kind == "tar" else set())
    assert set(found.to_pylist()) == served
    names = set(IN_ARCHIVE) - {"nul"}
    if kind == "tar":
        names = names - {"a//f.jpg", "//host/share/x.jpg"} | {"/host/share/x.jpg"}
    assert sorted(error.partition(" can't be used: the name has ")[0] for error in left_out.errors) == sorted(
        map(repr, names)
    )
    assert left_out.lines() == ["left out, not photos: ../notes.txt, nul"]


class HostileListing(fsspec.AbstractFileSystem):
    """A file system that lists names which lead out of the folder."""

    protocol = "hostile"

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        """Return each hostile name as a file, and as a folder."""
        kinds = [("file", name) for name in HOSTILE_NAMES] + [("directory", f"{name}/") for name in ("..", "a/../..")]
        return [{"name": f"{path}/{name}", "type": kind, "size": 1} for kind, name in [*kinds, ("file", "good.jpg")]]


def test_photos_of_listing_with_names_that_lead_out_are_the_others() -> None:
    fsspec.register_implementation("hostile", HostileListing, clobber=True)
    left_out = LeftOut()
    assert photos(Storage("hostile://server/in"), Storage("memory://out"), left_out) == ["good.jpg"]
    refused = [error.partition(" can't be used: the name has ")[0] for error in left_out.errors]
    assert sorted(refused) == sorted(map(repr, [*HOSTILE_NAMES, "..", "a/../.."]))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("url", ["{folder}/out", "memory://bucket/out"])
def test_paths_that_lead_out_are_neither_read_nor_written(url: str, name: str, tmp_path: Path) -> None:
    storage = Storage(url.format(folder=tmp_path))
    for path in (name, f"results/{name}"):
        with pytest.raises(SegmenterError, match="can't be used"):
            storage.open(path)
        with pytest.raises(SegmenterError, match="can't be used"):
            storage.write(path, b"content")
        with pytest.raises(SegmenterError, match="can't be used"), storage.create(path):
            pass
    assert list(tmp_path.iterdir()) == []


def test_write_through_link_that_leads_out_raises_an_error_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "out" / "results").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "out" / "results" / "sub").symlink_to(tmp_path / "other")
    (tmp_path / "out" / "manifest").symlink_to(tmp_path / "other")
    target = Storage(str(tmp_path / "out"))
    with pytest.raises(OSError, match="a link leads out of"):
        target.write("results/sub/new/x.png", b"content")
    assert "a link leads out of" in target.why_not_writable([], "manifest")
    assert target.why_not_writable([], "results") == ""
    assert list((tmp_path / "other").iterdir()) == []


def test_url_of_relative_path_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Storage("in").url == f"file://{tmp_path}/in"


def test_url_of_unknown_protocol_raises_segmenter_error() -> None:
    with pytest.raises(SegmenterError, match="nosuch://bucket can't be opened: Protocol not known: nosuch"):
        Storage("nosuch://bucket")


def test_is_folder_of_missing_folder_is_false(tmp_path: Path) -> None:
    assert Storage(str(tmp_path)).is_folder()
    assert not Storage(str(tmp_path / "missing")).is_folder()


def test_write_replaces_file_and_part_of_a_killed_process(tmp_path: Path) -> None:
    target = Storage(str(tmp_path))
    (tmp_path / ".x.png.part").write_bytes(b"the first bytes of a file, written by a killed process")
    for content in (b"one", b"two"):
        target.write("x.png", content)
        target.write("sub/y.png", content)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == ["sub/y.png", "x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"two"


def test_write_to_bucket_stores_content() -> None:
    bucket = Storage("memory://bucket/out")
    bucket.write("results/x.png", b"content")
    with bucket.open("results/x.png") as file:
        assert file.read() == b"content"


def test_files_of_folder_have_the_suffix(tmp_path: Path) -> None:
    target = Storage(str(tmp_path))
    for name in ("sub/b.png", "sub/a.png", "sub/c.txt"):
        target.write(name, b"")
    assert target.files("sub", ".png") == ["sub/a.png", "sub/b.png"]
    assert target.files("missing", ".png") == []
