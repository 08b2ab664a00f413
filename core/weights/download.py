"""A known model's graph, from the zoo or a file, into the cache folder: whole and verified, or not at all."""

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

from core.weights.archive import read_graph_file
from core.errors import ModelError
from core.weights.registry import KnownModel, cached

# Told how many bytes are there, and of how many.
Report = Callable[[int, int], None]

# Seconds to wait before each further attempt; one that brings PROGRESS bytes starts anew with the first.
WAITS = (1, 2, 4, 8, 16)
PROGRESS = 1_000_000
# Seconds to connect, and without a byte.
TIMEOUT = (10, 30)
# The largest archive that is downloaded, in bytes; the full model's is 439 MB.
MAX_ARCHIVE = 2_000_000_000
CHUNK = 1 << 16
# Answers that may be others a little later.
PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def fetch(model: KnownModel, cache: Path, mirror: str, sha512: str, report: Report) -> Path:
    """Download the archive of `model` from `mirror`, a base URL, and return the graph's file in the folder `cache`.

    A break is survived, within a call and from one to the next: what was received is kept and continued from. Raises
    ModelError where there is no network, no such archive, no space, or not the graph with that SHA-512 in it; only the
    first leaves something behind, the part received.
    """
    url = f"{mirror.rstrip('/')}/{model.archive}"
    with _explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
        part = cache / f"{model.archive}.part"
        with part.open("ab") as file:
            _lock(file, part)
            try:
                _download(url, file, report)
                target = install(model, part, cache, sha512)
            except (Interrupted, KeyboardInterrupt):
                raise
            except BaseException:
                part.unlink()
                raise
            part.unlink()
            return target


def install(model: KnownModel, source: Path, cache: Path, sha512: str) -> Path:
    """Copy the graph of `model` from `source`, the zoo's archive or the graph, into `cache`; return where it is."""
    content = read_graph_file(source)
    found = hashlib.sha512(content).hexdigest()
    if found != sha512:
        with source.open("rb") as file:
            md5 = hashlib.file_digest(file, "md5").hexdigest()
        where = "its archive is the zoo's" if md5 == model.archive_md5 else f"nor is its archive (md5 {md5})"
        raise ModelError(
            f"the graph in {source} is not that of {model.name}: its sha512 is {found}, expected {sha512}; {where}. "
            "Nothing was kept; try again, or see MODEL_MIRROR and MODEL_SHA512"
        )
    target = cached(model, cache)
    with _explained(cache):
        cache.mkdir(parents=True, exist_ok=True)
        whole = target.with_suffix(f".{os.getpid()}")
        try:
            whole.write_bytes(content)
            whole.replace(target)
        finally:
            whole.unlink(missing_ok=True)
    return target


class Interrupted(ModelError):
    """The download broke off, and can go on later."""


def _download(url: str, file: BinaryIO, report: Report) -> None:
    """Append to `file` what it still lacks of `url`."""
    waits = iter(WAITS)
    while True:
        before = file.tell()
        try:
            _receive(url, file, report)
        except requests.RequestException as error:
            if file.tell() >= before + PROGRESS:
                waits = iter(WAITS)
            wait = next(waits, None)
            if wait is None:
                raise Interrupted(
                    f"{url} can't be downloaded: {error}. The {file.tell():,} bytes received so far are kept, and the "
                    "same command goes on from there; without a network, give the archive or the graph with --from"
                ) from error
            time.sleep(wait)
        else:
            return


def _receive(url: str, file: BinaryIO, report: Report) -> None:
    """Ask once for what `file` still lacks of `url`, and append it. Raises requests.RequestException at a break."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={file.tell()}-"} if file.tell() else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if answer.headers.get("Content-Range") == f"bytes */{file.tell()}":
                return  # it was all there
            _empty(file)
            raise requests.ConnectionError("the archive is not the one that the part received is of")
        if 400 <= answer.status_code < 500 and answer.status_code not in PASSING:
            raise ModelError(f"{url} answers {answer.status_code} {answer.reason}; see MODEL_MIRROR")
        answer.raise_for_status()
        if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
            _empty(file)  # the server sends the whole
        length = answer.headers.get("Content-Length", "")
        total = file.tell() + (int(length) if length.isdecimal() else 0)
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)
            report(file.tell(), total)
            if file.tell() > MAX_ARCHIVE:
                raise ModelError(f"{url} is larger than {MAX_ARCHIVE:,} bytes, which no known archive is")
        file.flush()


def _empty(file: BinaryIO) -> None:
    file.seek(0)
    file.truncate()


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModelError(f"{path} is being downloaded by another process; wait for it to end") from None


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into a ModelError that names the folder and the fix."""
    try:
        yield
    except requests.RequestException:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            free = shutil.disk_usage(folder).free
            raise ModelError(
                f"the disk of MODEL_CACHE={str(folder)!r} is full: {free:,} bytes free; make room, or name another"
            ) from error
        raise ModelError(f"MODEL_CACHE={str(folder)!r} can't be written: {error.strerror}; name another") from error
