"""Which files are photos, and why the others are left out."""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO

from PIL import Image

from commands.shared.names import RESULTS
from core.errors import ImageTooLarge
from core.image.formats import FORMATS
from core.image.signature import HEAD, is_photo

# Formats that are not served. Such photos are not left out: the model reports each with its format.
UNSERVED = (".heic", ".heif", ".hif", ".jxl", ".jp2")
# Programs that receive a file give it such a name until it is complete.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp")
# Names of left out files that are printed for each reason.
MAX_NAMES = 3


class Reason(StrEnum):
    """Why files are left out: a name for all files of that kind."""

    NO_PHOTO = "not photos"
    RESULT = "results of earlier runs"
    UNFINISHED = "hidden or unfinished files"
    APPLE_DOUBLE = "AppleDouble files (macOS metadata)"
    LINK = "links to folders"  # such a folder may contain the link itself
    SPECIAL = "pipes, sockets or devices"
    UNREADABLE = "files that can't be read"


@cache
def photo_endings() -> frozenset[str]:
    """Return the endings of the names of photos, in lower case and with the dot."""
    registered = Image.registered_extensions().items()
    return frozenset(UNSERVED).union(ending for ending, format_ in registered if format_ in FORMATS)


def why_left_out(name: str, head: Callable[[], bytes]) -> Reason | None:
    """Return why the file `name` is left out; None if it is a photo.

    `head` returns the first HEAD bytes of the file, or b"" if reading them would cost too much. They decide if the
    ending is not that of a photo.
    """
    ending = PurePath(name).suffix.lower()
    if name.startswith("._") and not is_photo(head()):
        return Reason.APPLE_DOUBLE
    if RESULTS.fullmatch(name):
        return Reason.RESULT
    if ending in photo_endings():
        return None
    if name.startswith(".") or ending in UNFINISHED:
        return Reason.UNFINISHED
    return None if is_photo(head()) else Reason.NO_PHOTO


class LeftOut:
    """The files that are left out, by reason, and the `errors` because of which photos may be missing."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._number: Counter[Reason] = Counter()
        self._names: dict[Reason, list[str]] = {}

    def add(self, path: object, reason: Reason) -> None:
        """Add the file at `path`."""
        self._number[reason] += 1
        names = self._names.setdefault(reason, [])
        if len(names) < MAX_NAMES:
            names.append(str(path))

    def add_error(self, folder: object, error: OSError) -> None:
        """Add a `folder` that can't be read."""
        self.errors.append(f"{folder}: {error.strerror or error}; the photos in it are left out")

    def lines(self) -> list[str]:
        """Return a line for each reason."""
        found = []
        for reason, names in self._names.items():
            more = self._number[reason] - len(names)
            found.append(f"left out, {reason}: {', '.join(names)}{f' and {more} more' if more else ''}")
        return found


def reason_of(path: Path) -> Reason | None:
    """Return why the file at `path` is left out; None if it is a photo."""
    try:
        if path.exists() and not path.is_file():
            return Reason.LINK if path.is_dir() else Reason.SPECIAL
        return why_left_out(path.name, lambda: first_bytes(path))
    except OSError:
        return Reason.UNREADABLE


def first_bytes(path: Path) -> bytes:
    """Return the first HEAD bytes of the file at `path`. Raises OSError."""
    with path.open("rb") as file:
        return file.read(HEAD)


def read_limited(file: BinaryIO, limit: int) -> bytes:
    """Return the bytes of a photo. Raises ImageTooLarge if there are more than `limit`, without reading them all."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ImageTooLarge(
            f"the file is larger than {limit / 1e6:g} MB, the limit (MAX_UPLOAD_MB); raise it, or save a smaller image"
        )
    return data
