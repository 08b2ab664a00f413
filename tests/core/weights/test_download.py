"""Getting a graph, from a server that breaks off and lies, or from a file: whole and verified, or not at all."""

import errno
import fcntl
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import fetch
from core.errors import ModelError
from core.weights.registry import MOBILE, MODELS, cached
from tests.support.model_zoo import Zoo, zoo

FULL = MODELS["full"]
GRAPH = MOBILE.read_bytes()  # a real graph; the full one's bytes are not needed to move them
SHA512 = hashlib.sha512(GRAPH).hexdigest()
PART = f"{FULL.archive}.part"


def archive_of(graph: bytes) -> bytes:
    """Return an archive in the zoo's layout: one folder, with the graph between the checkpoint's files."""
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
    monkeypatch.setattr(fetch, "WAITS", (0.01, 0.02))
    with zoo(**{FULL.archive: ARCHIVE}) as running:
        yield running


def get(server: Zoo, cache: Path, sha512: str = SHA512, reports: list[tuple[int, int]] | None = None) -> Path:
    seen: list[tuple[int, int]] = [] if reports is None else reports
    return fetch.fetch(FULL, cache, server.url + "/", sha512, lambda *report: seen.append(report))


def test_the_graph_is_got_with_progress(server: Zoo, tmp_path: Path) -> None:
    cache, reports = tmp_path / "made" / "cache", list[tuple[int, int]]()
    assert get(server, cache, reports=reports) == cached(FULL, cache)
    assert cached(FULL, cache).read_bytes() == GRAPH
    assert list(cache.iterdir()) == [cached(FULL, cache)]
    assert reports[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert reports == sorted(reports)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_is_survived(server: Zoo, tmp_path: Path, ranges: bool) -> None:
    server.cut, server.cuts, server.ranges = 40 * fetch.CHUNK, 2, ranges
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked == ["", f"bytes={40 * fetch.CHUNK}-", f"bytes={(80 if ranges else 40) * fetch.CHUNK}-"]
    assert list(tmp_path.iterdir()) == [cached(FULL, tmp_path)]


def test_a_break_for_good_is_continued_from_by_the_next_call(server: Zoo, tmp_path: Path) -> None:
    server.cut, server.cuts = fetch.CHUNK, 99
    with pytest.raises(ModelError, match=r"can't be downloaded: .*The 196,608 bytes received so far are kept.*--from"):
        get(server, tmp_path)
    assert (tmp_path / PART).stat().st_size == 3 * fetch.CHUNK
    server.cuts = 0
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked[-1] == f"bytes={3 * fetch.CHUNK}-"


def test_a_download_that_was_complete_is_only_unpacked(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(ARCHIVE)
    assert get(server, tmp_path).read_bytes() == GRAPH
    assert server.asked == [f"bytes={len(ARCHIVE)}-"]


def test_a_longer_part_of_another_archive_is_dropped(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(ARCHIVE + b"more")
    assert get(server, tmp_path).read_bytes() == GRAPH


def test_servers_that_fail_for_a_moment_are_asked_again(server: Zoo, tmp_path: Path) -> None:
    server.status = [503, 429]
    assert get(server, tmp_path).read_bytes() == GRAPH


def test_a_mirror_without_the_archive(server: Zoo, tmp_path: Path) -> None:
    server.files.clear()
    with pytest.raises(ModelError, match=rf"{FULL.archive} answers 404 Not Found; see MODEL_MIRROR"):
        get(server, tmp_path)
    assert len(server.asked) == 1
    assert not list(tmp_path.iterdir())


def test_no_network(server: Zoo, tmp_path: Path) -> None:
    server.url = "http://127.0.0.1:9"
    with pytest.raises(ModelError, match=r"http://127\.0\.0\.1:9/\S+ can't be downloaded: .*give the archive .*--from"):
        get(server, tmp_path)


@pytest.mark.parametrize("where", [0, 0.1, 0.5, 0.9])
def test_a_flipped_byte_is_refused_and_nothing_kept(server: Zoo, tmp_path: Path, where: float) -> None:
    content = bytearray(ARCHIVE)
    content[int(len(content) * where)] ^= 1
    server.files[FULL.archive] = bytes(content)
    with pytest.raises(ModelError, match=r"is damaged|there is no|its sha512 is"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_graph_is_refused_and_nothing_kept(server: Zoo, tmp_path: Path) -> None:
    server.files[FULL.archive] = archive_of(GRAPH[:-1] + bytes([GRAPH[-1] ^ 1]))
    message = rf"is not that of full: its sha512 is \w+, expected {SHA512}; nor is its archive"
    with pytest.raises(ModelError, match=message):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_archive_without_a_graph_is_refused_and_nothing_kept(server: Zoo, tmp_path: Path) -> None:
    file = io.BytesIO()
    tarfile.open(fileobj=file, mode="w:gz").close()
    server.files[FULL.archive] = file.getvalue()
    with pytest.raises(ModelError, match=r"there is no frozen_inference_graph\.pb in the archive"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_endless_archive_is_refused_and_nothing_kept(
    server: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_ARCHIVE", 1_000_000)
    with pytest.raises(ModelError, match="is larger than 1,000,000 bytes"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named_and_nothing_kept(server: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_bytes(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(ModelError, match=rf"the disk of MODEL_CACHE='{tmp_path}' is full: [\d,]+ bytes free"):
        get(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cache_that_can_not_be_written_is_named(server: Zoo, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"MODEL_CACHE='.*/file/cache' can't be written: Not a directory"):
        get(server, tmp_path / "file" / "cache")


def test_two_at_once_do_not_write_the_same_file(server: Zoo, tmp_path: Path) -> None:
    with (tmp_path / PART).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="is being downloaded by another process"):
            get(server, tmp_path)
    assert (tmp_path / PART).exists()


@pytest.mark.parametrize("content", [ARCHIVE, GRAPH], ids=["archive", "graph"])
def test_a_file_can_be_given_instead(tmp_path: Path, content: bytes) -> None:
    source, cache = tmp_path / "given", tmp_path / "cache"
    source.write_bytes(content)
    assert fetch.install(FULL, source, cache, SHA512).read_bytes() == GRAPH
    assert source.read_bytes() == content
    source.write_bytes(content[:-1])
    with pytest.raises(ModelError):
        fetch.install(FULL, source, tmp_path / "other", SHA512) if content is GRAPH else fetch.install(
            FULL, source, cache, "0" * 128
        )


def test_a_key_press_keeps_what_was_received(server: Zoo, tmp_path: Path) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.fetch(FULL, tmp_path, server.url, SHA512, stop)
    assert (tmp_path / PART).stat().st_size > 0
    assert get(server, tmp_path).read_bytes() == GRAPH
