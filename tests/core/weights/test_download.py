"""Downloads from servers that fail in several ways, and copies from local files."""

import errno
import fcntl
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import ModelError
from core.weights import download
from core.weights.download import CHUNK_BYTES, DownloadInterrupted, download_graph, install_graph
from core.weights.registry import MOBILE, MODELS, cached_graph
from tests.support.model_zoo import Zoo, zoo

FULL = MODELS["full"]
GRAPH = MOBILE.read_bytes()  # stands for the full model's graph, which the tests do not run
SHA512 = hashlib.sha512(GRAPH).hexdigest()
PART = f"{FULL.archive}.part"


def archive_of(graph: bytes) -> bytes:
    """Return an archive in the zoo's layout: a folder with the graph between the files of the checkpoint."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        for name, content in (
            ("model.ckpt.index", b"index"),
            ("frozen_inference_graph.pb", graph),
            ("model.ckpt.data-00000-of-00001", b"data" * 1000),
        ):
            member = tarfile.TarInfo(f"deeplabv3_pascal_trainval/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


ARCHIVE = archive_of(GRAPH)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zoo]:
    monkeypatch.setattr(download, "RETRY_WAITS", (0.01, 0.02))
    with zoo(**{FULL.archive: ARCHIVE}) as running:
        yield running


def get(server: Zoo, cache: Path, reports: list[tuple[int, int]] | None = None) -> Path:
    """Download the graph from `server`; append the arguments of each progress report to `reports`."""
    received: list[tuple[int, int]] = [] if reports is None else reports
    return download_graph(FULL, cache, server.url + "/", SHA512, lambda *report: received.append(report))


def test_download_writes_graph_to_new_cache_folder(server: Zoo, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache"
    assert get(server, cache) == cached_graph(FULL, cache)
    assert cached_graph(FULL, cache).read_bytes() == GRAPH
    assert list(cache.iterdir()) == [cached_graph(FULL, cache)]


def test_download_reports_progress(server: Zoo, tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    get(server, tmp_path, reports)
    assert reports[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert reports == sorted(reports)


@pytest.mark.parametrize("ranges", [True, False])
def test_download_after_lost_connections_continues(server: Zoo, tmp_path: Path, ranges: bool) -> None:
    server.cut, server.cuts, server.ranges = 40 * CHUNK_BYTES, 2, ranges
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked == ["", f"bytes={40 * CHUNK_BYTES}-", f"bytes={(80 if ranges else 40) * CHUNK_BYTES}-"]
    assert list(tmp_path.iterdir()) == [cached_graph(FULL, tmp_path)]


def test_download_after_last_attempt_raises_download_interrupted_and_keeps_the_part(
    server: Zoo, tmp_path: Path
) -> None:
    server.cut, server.cuts = CHUNK_BYTES, 99
    message = r"can't be downloaded: .*The 196,608 bytes received so far are kept.*--from"
    with pytest.raises(DownloadInterrupted, match=message):
        get(server, tmp_path)
    assert (tmp_path / PART).stat().st_size == 3 * CHUNK_BYTES


def test_download_with_part_of_earlier_call_continues(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(ARCHIVE[: 3 * CHUNK_BYTES])
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked == [f"bytes={3 * CHUNK_BYTES}-"]


def test_download_with_complete_part_unpacks_it(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(ARCHIVE)
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked == [f"bytes={len(ARCHIVE)}-"]


def test_download_with_part_longer_than_archive_starts_again(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(ARCHIVE + b"more")
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked == [f"bytes={len(ARCHIVE) + 4}-", ""]


def test_download_after_transient_statuses_retries(server: Zoo, tmp_path: Path) -> None:
    server.status = [503, 429]
    assert get(server, tmp_path).read_bytes() == GRAPH


def test_download_of_missing_archive_raises_model_error_without_retry(server: Zoo, tmp_path: Path) -> None:
    server.files.clear()
    with pytest.raises(ModelError, match=rf"{FULL.archive} answers 404 Not Found; check MODEL_MIRROR"):
        get(server, tmp_path)
    assert len(server.asked) == 1
    assert not list(tmp_path.iterdir())


def test_download_without_network_names_url_and_option(server: Zoo, tmp_path: Path) -> None:
    server.url = "http://127.0.0.1:9"
    message = r"http://127\.0\.0\.1:9/\S+ can't be downloaded: .*pass the archive or the graph with --from"
    with pytest.raises(DownloadInterrupted, match=message):
        get(server, tmp_path)


@pytest.mark.parametrize("position", [0, 0.1, 0.5, 0.9])
def test_download_of_archive_with_flipped_bit_raises_model_error_and_keeps_nothing(
    server: Zoo, tmp_path: Path, position: float
) -> None:
    content = bytearray(ARCHIVE)
    content[int(len(content) * position)] ^= 1
    server.files[FULL.archive] = bytes(content)
    with pytest.raises(ModelError, match=r"is damaged|there is no|its sha512 is"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_download_of_other_graph_raises_model_error_and_keeps_nothing(server: Zoo, tmp_path: Path) -> None:
    server.files[FULL.archive] = archive_of(GRAPH[:-1] + bytes([GRAPH[-1] ^ 1]))
    message = rf"is not the graph of full: .* expected {SHA512}; the file is not the zoo's archive \(md5 \w{{32}}\)"
    with pytest.raises(ModelError, match=message):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_download_of_archive_without_graph_raises_model_error_and_keeps_nothing(server: Zoo, tmp_path: Path) -> None:
    file = io.BytesIO()
    tarfile.open(fileobj=file, mode="w:gz").close()
    server.files[FULL.archive] = file.getvalue()
    with pytest.raises(ModelError, match=r"there is no frozen_inference_graph\.pb in the archive"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_download_of_too_large_archive_raises_model_error_and_keeps_nothing(
    server: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MAX_ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(ModelError, match="is larger than 1,000,000 bytes"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_download_to_full_disk_raises_model_error_and_keeps_nothing(
    server: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_bytes(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(ModelError, match=rf"the disk of MODEL_CACHE='{tmp_path}' is full: [\d,]+ bytes free"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_download_to_folder_that_can_not_be_written_names_it(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"MODEL_CACHE='.*/file/cache' can't be written: Not a directory"):
        get(server, tmp_path / "file" / "cache")


def test_download_during_another_download_raises_model_error(server: Zoo, tmp_path: Path) -> None:
    with (tmp_path / PART).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="is being downloaded by another process"):
            get(server, tmp_path)
    assert (tmp_path / PART).exists()


def test_download_interrupted_from_keyboard_keeps_the_part(server: Zoo, tmp_path: Path) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_graph(FULL, tmp_path, server.url, SHA512, interrupt)
    assert (tmp_path / PART).stat().st_size > 0
    assert get(server, tmp_path).read_bytes() == GRAPH


@pytest.mark.parametrize("content", [ARCHIVE, GRAPH], ids=["archive", "graph"])
def test_install_graph_from_file_writes_graph_and_keeps_the_file(tmp_path: Path, content: bytes) -> None:
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.write_bytes(content)
    assert install_graph(FULL, source, cache, SHA512).read_bytes() == GRAPH
    assert source.read_bytes() == content


@pytest.mark.parametrize("content", [ARCHIVE, GRAPH[:-1]], ids=["archive", "truncated graph"])
def test_install_graph_with_other_checksum_raises_model_error_and_writes_nothing(
    tmp_path: Path, content: bytes
) -> None:
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.write_bytes(content)
    sha512 = "0" * 128 if content is ARCHIVE else SHA512
    with pytest.raises(ModelError, match=rf"the graph in {source} is not the graph of full"):
        install_graph(FULL, source, cache, sha512)
    assert not cache.exists()
