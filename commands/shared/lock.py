"""One run at a time writes to a folder: a second one is refused, with the process that writes."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from commands.shared.files import is_at, lock
from core.errors import SegmenterError

FILE = ".segmenter.lock"


def this_process() -> str:
    """Return this process and its host, as messages name them."""
    return f"process {os.getpid()} on host {socket.gethostname()}"


def in_use(folder: object, owner: str) -> SegmenterError:
    """Return the error of a `folder` to which the run `owner` writes."""
    return SegmenterError(f"{folder} is in use by {owner or 'another run'}; wait for its end, or use another OUTPUT")


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Let no other process write to the existing `folder` during the block. Raises SegmenterError, and OSError."""
    path = folder / FILE
    with _locked(path, folder) as file:
        file.truncate(0)
        file.write(this_process().encode())
        file.flush()
        try:
            yield
        finally:
            # Before the lock ends: another run then makes a file of its own.
            path.unlink(missing_ok=True)


def check_unused(folder: Path) -> None:
    """Raise SegmenterError if a run writes to `folder`, which need not exist."""
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError), (folder / FILE).open("rb") as file:
        if not lock(file, wait=False):
            raise in_use(folder, file.read().decode(errors="replace"))


def _locked(path: Path, folder: Path) -> BinaryIO:
    """Return the open and locked file `path`. Raises SegmenterError if another process has locked it."""
    while True:
        # No link may decide which file is written.
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644), "r+b")
        if not lock(file, wait=False):
            with file:
                raise in_use(folder, file.read().decode(errors="replace"))
        if is_at(file, path):
            return file
        file.close()
