"""The manifest: the result or error of each photo, in Parquet files that one process writes."""

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from commands.batch import parts, unwritten
from commands.batch.parts import FOLDER, SCHEMA
from commands.batch.storage import Storage
from commands.batch.unwritten import Unwritten
from commands.shared.run_identity import check_identity

# A part is written after this many rows or seconds.
ROWS, SECONDS = 10_000, 10.0
# The columns that tell whether a photo is done.
DONE = ["path", "error", "error_with", "photo_bytes", "photo_time", "mask", "mask_bytes", "mask_time"]


class Manifest:
    """The manifest in the folder `target`, of runs with one `identity` (see Job.identity()).

    `check` is called before a part is written, and raises if this run must not write any more. Raises SegmenterError if
    the folder holds a manifest with another identity, or a damaged one.
    """

    def __init__(self, target: Storage, identity: dict[str, str], check: Callable[[], None] = lambda: None) -> None:
        self._target = target
        self._identity = identity
        self._check = check
        unwritten.recover(target)
        self._parts = parts.part_names(target)
        self._done = [SCHEMA.empty_table().select(DONE)]
        self._next_id = 1
        for part in self._parts:
            rows, before = parts.read(target, part, self._next_id)
            check_identity(before, identity, target.url)
            self._done.append(rows.select(DONE))
            self._next_id = max(self._next_id, (pc.max(rows["id"]).as_py() or 0) + 1)
        self._rows: list[pa.Table] = []
        self._number = 0
        self._part = ""
        self._unwritten = Unwritten(target, identity)
        self._written = time.monotonic()

    def done(self) -> pa.Table:
        """Return the columns DONE of the photos that have a row of an earlier run."""
        return pa.concat_tables(self._done)

    def rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all runs, also of this one if it has ended, in the order in which they were added."""
        first_id = 1
        for part in self._parts:
            rows, _ = parts.read(self._target, part, first_id)
            first_id = max(first_id, (pc.max(rows["id"]).as_py() or 0) + 1)
            yield from rows.select(columns).to_pylist()

    def remove(self, paths: set[str]) -> None:
        """Remove the rows of the photos `paths`, which are to be segmented again."""
        if not paths:
            return
        wanted, first_id = pa.array(sorted(paths), pa.large_string()), 1
        for part in self._parts:
            rows, identity = parts.read(self._target, part, first_id)
            first_id = max(first_id, (pc.max(rows["id"]).as_py() or 0) + 1)
            kept = rows.filter(pc.invert(pc.is_in(rows["path"], wanted)))
            if len(kept) < len(rows):
                parts.write(self._target, part, kept, identity)
        self._done = [rows.filter(pc.invert(pc.is_in(rows["path"], wanted))) for rows in self._done]

    def add(self, rows: pa.Table) -> None:
        """Add rows of SCHEMA, which a killed run keeps; write the collected ones if they are many or old enough."""
        if not len(rows):
            return
        if not self._rows:
            # Not the time: a clock can go back, and the order of the parts is that of the names.
            last = max((parts.number(part) for part in self._parts), default=0)
            self._part = f"{FOLDER}/{last + 1:08}.parquet"
            self._unwritten.begin(self._part)
        ids = pa.array(range(self._next_id, self._next_id + len(rows)), pa.int64())
        rows = rows.set_column(SCHEMA.get_field_index("id"), "id", ids)
        self._next_id += len(rows)
        self._unwritten.add(rows)
        self._rows.append(rows)
        self._number += len(rows)
        if self._number >= ROWS or time.monotonic() > self._written + SECONDS:
            self._write()

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._write()

    def _write(self) -> None:
        if self._rows:
            self._check()
            parts.write(self._target, self._part, pa.concat_tables(self._rows), self._identity)
            self._parts.append(self._part)
            self._unwritten.end()
            self._rows, self._number = [], 0
        self._written = time.monotonic()
