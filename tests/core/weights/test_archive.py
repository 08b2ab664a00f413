"""Reading a model's files out of archives, honest and hostile ones."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from core import archive
from core.errors import ModelError
from core.weights.archive import GRAPH, read_model_file


def tar(path: Path, *members: tuple[str, bytes] | tarfile.TarInfo, mode: str = "w:gz") -> Path:
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
@pytest.mark.parametrize("name", [GRAPH, f"deeplab/{GRAPH}", f"../../{GRAPH}", f"/etc/{GRAPH}"])
def test_only_the_member_is_read_wherever_it_claims_to_lie(tmp_path: Path, name: str, mode: str) -> None:
    path = tar(tmp_path / "model", ("deeplab/model.ckpt", b"checkpoint"), (name, b"graph"), mode=mode)
    assert read_model_file(path, GRAPH) == b"graph"
    assert read_model_file(path, "labels.txt") is None
    assert list(tmp_path.iterdir()) == [path]


def test_a_graph_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(b"graph")
    assert read_model_file(path, GRAPH) == b"graph"
    assert read_model_file(path, "labels.txt") is None


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_what_is_no_regular_file_is_not_the_graph(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo(GRAPH)
    member.type, member.linkname = kind, "/etc/passwd"
    assert read_model_file(tar(tmp_path / "model", member), GRAPH) is None


@pytest.mark.parametrize("end", [2, 100, -100])
def test_a_truncated_archive_is_refused(tmp_path: Path, end: int) -> None:
    path = tar(tmp_path / "model", ("a", bytes(range(256)) * 99), ("b", b"b" * 9999))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ModelError, match=r"the archive .*model is damaged: "):
        read_model_file(path, GRAPH)


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tar(tmp_path / "model", (GRAPH, bytes(range(256)) * 99))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    try:
        assert read_model_file(path, GRAPH) != bytes(range(256)) * 99
    except ModelError as error:
        assert "is damaged" in str(error)  # noqa: PT017 - either is right: the checksum decides in the end


def test_gzip_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb.gz"
    path.write_bytes(gzip.compress(b"graph" * 1000))
    with pytest.raises(ModelError, match="is damaged"):
        read_model_file(path, GRAPH)


def test_sizes_are_capped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tar(tmp_path / "bomb", ("zeros", bytes(1_000_000)), (GRAPH, bytes(2000)))
    monkeypatch.setattr(archive, "MAX_GRAPH", 1999)
    with pytest.raises(ModelError, match=r"frozen_inference_graph\.pb in .*bomb is larger than .* 1,999 bytes"):
        read_model_file(path, GRAPH)
    monkeypatch.setattr(archive, "MAX_UNPACKED", 500_000)
    with pytest.raises(ModelError, match=r"bomb unpacks to more than 500,000 bytes"):
        read_model_file(path, GRAPH)
    plain = tmp_path / "graph.pb"
    plain.write_bytes(bytes(2000))
    with pytest.raises(ModelError, match=r"graph\.pb is larger than a graph can be"):
        read_model_file(plain, GRAPH)
