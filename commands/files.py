"""Files of results: written whole or not at all, and what the file system of a folder allows."""

import os
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def why_not_writable(folder: Path, made: list[Path]) -> str:
    """Create `folder`; return why files can't be written to it, "" if they can. Add the created folders to `made`."""
    try:
        for parent in [*reversed(folder.parents), folder]:
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def path_key(path: Path, *, fold: bool) -> str:
    """Return a text that is equal for equal paths, with `fold` for a file system that ignores case and composition."""
    return unicodedata.normalize("NFC", str(path)).casefold() if fold else str(path)


def ignores_case(folder: Path) -> bool:
    """Return whether the file system of `folder`, which need not exist yet, ignores the case of names."""
    existing = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.is_dir())
    try:
        with tempfile.NamedTemporaryFile(prefix=".case-", dir=existing) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:
        return False  # it can't be written, which is reported elsewhere


def is_special(file: Path) -> bool:
    """Return whether `file` is a device or a pipe, which can't be replaced."""
    return file.exists() and not file.is_file() and not file.is_dir()


def write(file: Path, content: bytes) -> None:
    """Write `content` to `file`, which appears complete or not at all. Raises OSError."""
    if is_special(file):
        file.write_bytes(content)
        return
    with complete(file) as opened:
        opened.write(content)


@contextmanager
def complete(file: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets the name `file` when the block ends without an exception. Raises OSError."""
    # The name depends only on the file, so that the next run overwrites the part of a killed process.
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as opened:
            yield opened
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def duplicates(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of `paths` that are one on a file system that ignores the case of names."""
    seen: dict[str, str] = {}
    for path in paths:
        first = seen.setdefault(path_key(Path(path), fold=True), path)
        if first != path:
            yield first, path
