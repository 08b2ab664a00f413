"""The files of a watched folder: which are new, and which of them have stopped growing and are complete."""

import time
from collections.abc import Iterator
from pathlib import Path

from commands.shared.again import Version
from commands.shared.photos import LeftOut
from commands.shared.sources import files_in


class Arrivals:
    """The files in `source` and its subfolders, without those in the folder `without`.

    A file is complete when its size and its time have not changed for `settle` seconds.
    """

    def __init__(self, source: Path, without: Path | None, settle: float) -> None:
        self.errors: set[str] = set()  # folders that can't be read
        self._source = source
        self._without = without
        self._settle = settle
        self._taken: dict[Path, Version] = {}
        self._waiting: dict[Path, tuple[Version, float]] = {}

    def scan(self, folder: Path | None = None) -> None:
        """Look at all files, or at those in the subfolder `folder`."""
        left_out = LeftOut()
        for path in files_in(folder or self._source, left_out, self._without):
            self._look(path)
        self.errors = set(left_out.errors) if folder is None else self.errors.union(left_out.errors)

    def see(self, path: Path) -> None:
        """Look at a file or a folder that has changed."""
        parents = path.parents[: len(path.relative_to(self._source).parts) - 1]
        if any(parent.is_symlink() for parent in parents) or (self._without and path.is_relative_to(self._without)):
            return
        if path.is_dir() and not path.is_symlink():
            self.scan(path)
        else:
            self._look(path)

    def see_again(self, path: Path, version: Version, seconds: float) -> None:
        """Let complete() yield this version of a file once more, `seconds` from now, if it is not changed before."""
        self._waiting[path] = version, time.monotonic() + seconds - self._settle

    def complete(self) -> Iterator[tuple[Path, Version]]:
        """Yield, once for each version, the files that are complete, in the order of their arrival."""
        for path, (before, since) in list(self._waiting.items()):
            if time.monotonic() < since + self._settle:
                continue
            version = version_of(path)
            if version == before:
                self._taken[path] = version
                del self._waiting[path]
                yield path, version
            else:
                self._look(path)

    def _look(self, path: Path) -> None:
        version = version_of(path)
        if version is None:
            self._waiting.pop(path, None)
            self._taken.pop(path, None)
        elif version not in {self._taken.get(path), self._waiting.get(path, (None, 0))[0]}:
            self._waiting[path] = version, time.monotonic()


def version_of(path: Path) -> Version | None:
    """Return the version of the file at `path`; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Version(status.st_size, status.st_mtime_ns) if path.is_file() else None
