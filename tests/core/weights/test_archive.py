"""Reading a model's files from archives: valid, damaged and hostile ones."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from core.errors import ModelError
from core.weights import archive
from core.weights.archive import GRAPH_FILE, LABELS_FILE, read_graph_file, read_model_file


def tar(path: Path, *members: tuple[str, bytes] | tarfile.TarInfo, mode: str = "w:gz") -> Path:
    """Write an archive of `members`, each a name and its content, or a header."""
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))
    return path


@pytest.mark.parametrize("mode", ["w:gz", "w"])
@pytest.mark.parametrize("name", [GRAPH_FILE, f"deeplab/{GRAPH_FILE}", f"../../{GRAPH_FILE}", f"/etc/{GRAPH_FILE}"])
def test_read_model_file_in_any_folder_returns_content_and_writes_nothing(tmp_path: Path, name: str, mode: str) -> None:
    path = tar(tmp_path / "model", ("deeplab/model.ckpt", b"checkpoint"), (name, b"graph"), mode=mode)
    assert read_model_file(path, GRAPH_FILE) == b"graph"
    assert read_model_file(path, LABELS_FILE) is None
    assert list(tmp_path.iterdir()) == [path]


def test_read_model_file_of_graph_without_archive_returns_graph(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(b"graph")
    assert read_model_file(path, GRAPH_FILE) == b"graph"
    assert read_model_file(path, LABELS_FILE) is None


@pytest.mark.parametrize("type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_read_model_file_ignores_members_that_are_not_regular_files(tmp_path: Path, type_: bytes) -> None:
    member = tarfile.TarInfo(GRAPH_FILE)
    member.type, member.linkname = type_, "/etc/passwd"
    assert read_model_file(tar(tmp_path / "model", member), GRAPH_FILE) is None


def test_read_graph_file_of_archive_without_graph_raises_model_error(tmp_path: Path) -> None:
    path = tar(tmp_path / "model", (LABELS_FILE, b"ground\nsky"))
    with pytest.raises(ModelError, match=r"there is no frozen_inference_graph\.pb in the archive .*model"):
        read_graph_file(path)


@pytest.mark.parametrize("end", [2, 100, -100])
def test_read_model_file_of_truncated_archive_raises_model_error(tmp_path: Path, end: int) -> None:
    path = tar(tmp_path / "model", ("a", bytes(range(256)) * 99), ("b", b"b" * 9999))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ModelError, match=r"the archive .*model is damaged: "):
        read_model_file(path, GRAPH_FILE)


def test_read_model_file_of_archive_with_flipped_bit_raises_model_error_or_returns_other_content(
    tmp_path: Path,
) -> None:
    graph = bytes(range(256)) * 99
    path = tar(tmp_path / "model", (GRAPH_FILE, graph))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    # Not every flipped bit damages the archive: the checksum of the graph decides in the end.
    try:
        assert read_model_file(path, GRAPH_FILE) != graph
    except ModelError as error:
        assert "is damaged" in str(error)  # noqa: PT017 - the error is one of two correct outcomes


def test_read_model_file_of_gzip_without_tar_raises_model_error(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb.gz"
    path.write_bytes(gzip.compress(b"graph" * 1000))
    with pytest.raises(ModelError, match="is damaged"):
        read_model_file(path, GRAPH_FILE)


def test_read_model_file_of_archive_with_large_graph_raises_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar(tmp_path / "bomb", ("zeros", bytes(1_000_000)), (GRAPH_FILE, bytes(2000)))
    monkeypatch.setattr(archive, "MAX_GRAPH_BYTES", 1999)
    with pytest.raises(ModelError, match=r"frozen_inference_graph\.pb in .*bomb is larger than .* 1,999 bytes"):
        read_model_file(path, GRAPH_FILE)


def test_read_model_file_of_large_archive_raises_model_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tar(tmp_path / "bomb", ("zeros", bytes(1_000_000)), (GRAPH_FILE, bytes(2000)))
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 500_000)
    with pytest.raises(ModelError, match=r"bomb unpacks to more than 500,000 bytes"):
        read_model_file(path, GRAPH_FILE)


def test_read_model_file_of_large_graph_without_archive_raises_model_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(bytes(2000))
    monkeypatch.setattr(archive, "MAX_GRAPH_BYTES", 1999)
    with pytest.raises(ModelError, match=r"graph\.pb is larger than a graph can be: 1,999 bytes"):
        read_model_file(path, GRAPH_FILE)
