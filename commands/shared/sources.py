"""The sources of a command: photos, folders with photos, and standard input."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from commands.shared.photos import LeftOut, Reason, read_limited, reason_of

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Source:
    """A photo that is given to a command: the file at `path`, or standard input if that is None.

    `name` is its path below the folder that is given, or its name alone; see result_name().
    """

    path: Path | None
    name: Path

    def read(self, limit: int) -> bytes:
        """Return its bytes, `limit` at most. Raises OSError, and ImageTooLarge."""
        if not self.path:
            return read_limited(sys.stdin.buffer, limit)
        with self.path.open("rb") as file:
            return read_limited(file, limit)

    def __str__(self) -> str:
        return str(self.path or "standard input")


class Sources:
    """The photos `found` in the arguments of a command, the files that are `left_out`, and the `problems`.

    `problems` has a line for each argument that can't be used.
    """

    def __init__(self, arguments: tuple[str, ...], results: Path | None) -> None:
        """Find the photos; leave out the folder `results`, which has the results of earlier runs."""
        self.problems: list[str] = []
        self.left_out = LeftOut()
        self._sources: dict[str, Source] = {}
        for argument in dict.fromkeys(arguments):
            if not argument:
                self.problems.append("an INPUT is empty; give photos, folders, or - for standard input")
            elif argument == STANDARD_INPUT:
                self._sources[argument] = Source(None, Path("stdin"))
            elif os.path.isdir(argument):
                folder = Path(argument)
                for path in photos_in(folder, self.left_out, without=results):
                    self._add(path, path.relative_to(folder))
            elif os.path.exists(argument):
                self._add(Path(argument), Path(Path(argument).name))
            else:
                self.problems.append(f"{argument} does not exist; give photos, folders, or - for standard input")
        if not self._sources and not self.problems:
            self.problems = [*self.left_out.errors, f"there are no photos in {', '.join(arguments)}"]
            self.problems += self.left_out.lines()

    @property
    def found(self) -> list[Source]:
        """The photos, in the order of the arguments, each once."""
        return list(self._sources.values())

    def _add(self, path: Path, name: Path) -> None:
        self._sources.setdefault(os.path.abspath(path), Source(path, name))


def photos_in(folder: Path, left_out: LeftOut, without: Path | None = None) -> Iterator[Path]:
    """Yield the photos in `folder` and its subfolders, without those in the folder `without`, in order."""
    for path in files_in(folder, left_out, without):
        if reason := reason_of(path):
            left_out.add(path, reason)
        else:
            yield path


def files_in(folder: Path, left_out: LeftOut, without: Path | None = None) -> Iterator[Path]:
    """Yield all files in `folder` and its subfolders, without those in the folder `without`, in order."""
    for parent, folders, files in os.walk(folder, onerror=lambda error: left_out.add_error(error.filename, error)):
        for name in sorted(folders):
            path = Path(parent, name)
            if path.is_symlink():
                left_out.add(path, Reason.LINK)
                folders.remove(name)
            elif without and path.absolute() == without.absolute():
                folders.remove(name)
        folders.sort()
        yield from (Path(parent, name) for name in sorted(files))
