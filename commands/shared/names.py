"""The names of photos and results: which are safe, and which are one file on some file systems."""

import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import SegmenterError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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


def duplicates(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of `paths` that are one on a file system that ignores the case of names."""
    seen: dict[str, str] = {}
    for path in paths:
        first = seen.setdefault(path_key(Path(path), fold=True), path)
        if first != path:
            yield first, path
