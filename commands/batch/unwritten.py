"""The rows that no part of the manifest has yet, in a file to which each is added: a killed run loses none."""

import os
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from commands.batch import parts
from commands.batch.storage import Storage
from commands.shared.files import sync, sync_folder

FILE = f"{parts.FOLDER}/.unwritten.jsonl"


class Unwritten:
    """The rows that will become a part of the manifest in `target`. In a bucket they are in memory only."""

    def __init__(self, target: Storage, identity: dict[str, str]) -> None:
        self._target = target
        self._identity = identity
        self._file: BinaryIO | None = None

    def begin(self, part: str) -> None:
        """Begin with the rows of the future `part`."""
        if self._target.folder:
            self._target.write(FILE, orjson.dumps({"part": part, "identity": self._identity}) + b"\n")
            # The rows follow one another at its end.
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self._target.folder / FILE, flags), "ab")

    def add(self, rows: pa.Table) -> None:
        """Add `rows`, which are on the disk then. Raises OSError."""
        if self._file:
            self._file.write(b"".join(orjson.dumps(row) + b"\n" for row in rows.to_pylist()))
            self._file.flush()
            sync(self._file.fileno())

    def end(self) -> None:
        """Delete the rows, because the part has them."""
        if self._file and self._target.folder:
            self._file.close()
            self._file = None
            (self._target.folder / FILE).unlink(missing_ok=True)
            sync_folder((self._target.folder / FILE).parent)


def recover(target: Storage) -> None:
    """Write the rows of a killed run as a part of the manifest. No other run may write to `target`."""
    if not target.folder or not (target.folder / FILE).is_file():
        return
    head, *lines = (target.folder / FILE).read_bytes().split(b"\n")
    rows = [row for line in lines if (row := _row(line))]
    about = _row(head)
    if about and rows and about["part"] not in parts.part_names(target):
        parts.write(target, about["part"], pa.Table.from_pylist(rows, parts.SCHEMA), about["identity"])
    (target.folder / FILE).unlink()


def _row(line: bytes) -> dict[str, Any] | None:
    """Return the object in `line`; None for the last line of a run whose machine was switched off."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
