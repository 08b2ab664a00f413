"""Download or copy of a known model's graph to the cache folder, which only receives complete and verified graphs."""

import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import requests

from core.errors import ModelError
from core.weights.archive import read_graph_file
from core.weights.registry import KnownModel, cached_graph

# Receives the number of bytes received so far, and the total.
Progress = Callable[[int, int], None]

# Seconds to wait before each further attempt. An attempt that receives MIN_PROGRESS bytes starts the sequence again.
RETRY_WAITS = (1, 2, 4, 8, 16)
MIN_PROGRESS = 1_000_000
# Seconds to connect, and between two bytes.
TIMEOUTS = (10, 30)
# The archive of the full model has 439 MB.
MAX_ARCHIVE_BYTES = 2_000_000_000
CHUNK_BYTES = 1 << 16
# Client errors (4xx) that may disappear.
TRANSIENT_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class DownloadInterrupted(ModelError):
    """The connection was lost and all attempts failed; the next call continues the download."""


def download_graph(model: KnownModel, cache: Path, mirror: str, sha512: str, progress: Progress) -> Path:
    """Download the archive of `model` from the base URL `mirror`; return the path of its graph in the folder `cache`.

    A lost connection is retried. The part received so far stays in the folder, and the next call continues it. Raises
    DownloadInterrupted if all attempts fail, or ModelError if the mirror does not have the archive, the folder can't be
    written, or the graph does not have the checksum `sha512`, in hex. Only DownloadInterrupted leaves a file behind.
    """
    url = f"{mirror.rstrip('/')}/{model.archive}"
    with _file_system_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f"{model.archive}.part"
        with part.open("ab") as file:
            _lock(file, part)
            try:
                _download_rest(url, file, progress)
                graph = install_graph(model, part, cache, sha512)
            except (DownloadInterrupted, KeyboardInterrupt):
                raise
            except BaseException:
                part.unlink()
                raise
            part.unlink()
            return graph


def install_graph(model: KnownModel, source: Path, cache: Path, sha512: str) -> Path:
    """Copy the graph of `model` from `source`, an archive or the graph, into the folder `cache`; return its path.

    Raises ModelError if the graph does not have the checksum `sha512`, in hex, or can't be written.
    """
    content = read_graph_file(source)
    found = hashlib.sha512(content).hexdigest()
    if found != sha512:
        with source.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        archive = "is the zoo's archive" if md5 == model.archive_md5 else f"is not the zoo's archive (md5 {md5})"
        raise ModelError(
            f"the graph in {source} is not the graph of {model.name}: its sha512 is {found}, expected {sha512}; the "
            f"file {archive}. Nothing was kept; try again, or check MODEL_MIRROR and MODEL_SHA512"
        )
    graph = cached_graph(model, cache)
    with _file_system_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        # Renaming is atomic: another process never reads an incomplete graph.
        temporary = graph.with_suffix(f".{os.getpid()}")
        try:
            temporary.write_bytes(content)
            temporary.replace(graph)
        finally:
            temporary.unlink(missing_ok=True)
    return graph


def _download_rest(url: str, file: BinaryIO, progress: Progress) -> None:
    """Append the bytes of `url` that `file` does not have yet. Raises DownloadInterrupted after the last attempt."""
    waits = iter(RETRY_WAITS)
    while True:
        before = file.tell()
        try:
            _request_rest(url, file, progress)
        except requests.RequestException as error:
            if file.tell() >= before + MIN_PROGRESS:
                waits = iter(RETRY_WAITS)
            wait = next(waits, None)
            if wait is None:
                raise DownloadInterrupted(
                    f"{url} can't be downloaded: {error}. The {file.tell():,} bytes received so far are kept: run the "
                    "same command again to continue, or, without a network, pass the archive or the graph with --from"
                ) from error
            time.sleep(wait)
        else:
            return


def _request_rest(url: str, file: BinaryIO, progress: Progress) -> None:
    """Send one request for the bytes of `url` that `file` does not have yet, and append them.

    Raises requests.RequestException if the connection is lost or another attempt may succeed, and ModelError otherwise.
    """
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={file.tell()}-"} if file.tell() else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if response.headers.get("Content-Range") == f"bytes */{file.tell()}":
                return  # the file was complete
            _clear(file)
            raise requests.ConnectionError("the part received before belongs to another archive")
        if 400 <= response.status_code < 500 and response.status_code not in TRANSIENT_STATUSES:
            raise ModelError(f"{url} answers {response.status_code} {response.reason}; check MODEL_MIRROR")
        response.raise_for_status()
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            _clear(file)  # the server sends the whole archive
        length = response.headers.get("Content-Length", "")
        total = file.tell() + (int(length) if length.isdecimal() else 0)
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            progress(file.tell(), total)
            if file.tell() > MAX_ARCHIVE_BYTES:
                raise ModelError(
                    f"{url} is larger than {MAX_ARCHIVE_BYTES:,} bytes, the limit for archives; check MODEL_MIRROR"
                )
        file.flush()


def _clear(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _lock(file: BinaryIO, path: Path) -> None:
    """Lock `file`, at `path`, for this process. Raises ModelError if another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModelError(f"{path} is being downloaded by another process; wait until it ends") from None


@contextmanager
def _file_system_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into a ModelError that names `folder` and the fix."""
    try:
        yield
    except requests.RequestException:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            free = shutil.disk_usage(folder).free
            raise ModelError(
                f"the disk of MODEL_CACHE={str(folder)!r} is full: {free:,} bytes free; free some space, or choose "
                "another folder"
            ) from error
        raise ModelError(
            f"MODEL_CACHE={str(folder)!r} can't be written: {error.strerror}; choose another folder"
        ) from error
