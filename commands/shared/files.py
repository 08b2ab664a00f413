"""Files of results: written whole or not at all, and what the file system of a folder allows."""

import errno
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import SegmenterError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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


def check_inside(folder: Path, root: Path) -> None:
    """Raise OSError if a symbolic link below `root` leads to a `folder` outside of it; `folder` need not exist yet."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise OSError(errno.ELOOP, f"a link leads out of {root}; remove the link, or write to its target", str(folder))


def check_path(path: str) -> None:
    """Raise SegmenterError if `path` can lead out of the folder that it is relative to, on any file system.

    Names come from archives and from other machines, and a result is named like its photo.
    """
    if CONTROL.search(path):
        reason = "control characters"
    elif "\\" in path:
        reason = "a backslash, which some systems take for a slash"
    elif {"", ".", ".."} & set(path.split("/")):
        reason = "a part that is empty, . or .., and can lead out of the folder"
    else:
        return
    raise SegmenterError(f"{path!r} can't be used: the name has {reason}; rename it")


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
    # The name depends only on the file, so that the next run replaces the part of a killed process. A link in its
    # place must not decide where the content goes.
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as opened:
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
