"""Which files are photos, and why the others are left out."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePath
from typing import BinaryIO

from PIL import Image

from commands.shared.names import RESULTS
from core.errors import ImageTooLarge
from core.image.formats import FORMATS
from core.image.signature import HEAD, is_photo

# Photos that are not served, so that they get the message of the service.
UNSERVED = (".heic", ".heif", ".hif", ".jxl", ".jp2")
# Programs that receive a file give it such a name until it is whole.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp")
# A reason why files are left out: a link may lead to a folder that contains it.
LINKS = "links to folders"
# Names of left out files that are printed for each reason.
MAX_NAMES = 3


@cache
def photo_endings() -> frozenset[str]:
    """Return the endings of the names of photos, in lower case and with the dot."""
    registered = Image.registered_extensions().items()
    return frozenset(UNSERVED).union(ending for ending, format_ in registered if format_ in FORMATS)


def why_left_out(name: str, head: Callable[[], bytes]) -> str:
    """Return why the file `name` is not taken for a photo; "" if it is taken.

    `head` returns the first bytes of the file, HEAD of them, or b"" if reading them would cost too much. They decide
    about files whose ending is none of a photo.
    """
    ending = PurePath(name).suffix.lower()
    if name.startswith("._") and not is_photo(head()):
        return "notes of macOS about files"
    if RESULTS.fullmatch(name):
        return "results of earlier runs"
    if ending in photo_endings():
        return ""
    if name.startswith(".") or ending in UNFINISHED:
        return "hidden or unfinished files"
    return "" if is_photo(head()) else "not photos"


class LeftOut:
    """The files that were not taken for photos, by reason, and the `errors` by which photos may have been lost."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._number: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {}

    def add(self, path: object, reason: str) -> None:
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


def reason_of(path: Path) -> str:
    """Return why the file at `path` is not taken for a photo; "" if it is taken."""
    try:
        if path.exists() and not path.is_file():
            return LINKS if path.is_dir() else "neither files nor folders"
        return why_left_out(path.name, lambda: first_bytes(path))
    except OSError:
        return "can't be read"


def first_bytes(path: Path) -> bytes:
    """Return the first HEAD bytes of the file at `path`. Raises OSError."""
    with path.open("rb") as file:
        return file.read(HEAD)


def read_limited(file: BinaryIO, limit: int) -> bytes:
    """Return the bytes of a photo. Raises ImageTooLarge above `limit`, MAX_UPLOAD_MB, without reading further."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise ImageTooLarge(
            f"the file is larger than {limit / 1e6:g} MB, the limit (MAX_UPLOAD_MB); save a smaller image"
        )
    return data
