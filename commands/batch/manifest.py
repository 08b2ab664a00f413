"""The manifest: the result or error of each photo, in Parquet files that one process writes."""

import io
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from commands.batch.storage import Storage
from commands.shared.run_identity import check_identity

FOLDER = "manifest"
SCHEMA = pa.schema(
    {
        "path": pa.large_string(),  # of the photo, relative to INPUT
        "size": pa.list_(pa.int32()),  # width and height of the result, in pixels
        "objects": pa.list_(pa.string()),  # names of the classes in the photo, largest first, without background
        "areas": pa.list_(pa.int64()),  # number of pixels of each of these classes
        "mask": pa.string(),  # path of the result, relative to OUTPUT
        "error": pa.string(),  # why the photo can't be segmented
        "annotations": pa.string(),  # of the output coco: the annotations of the photo, in JSON
    }
)
# A file is written after this many rows or seconds. A run that is killed repeats the photos of unwritten rows.
ROWS, SECONDS = 10_000, 10.0


class Manifest:
    """The manifest in the folder `target`, of runs with one `identity` (see Job.identity()).

    Raises SegmenterError if the folder holds a manifest with another identity.
    """

    def __init__(self, target: Storage, identity: dict[str, str]) -> None:
        self._target = target
        self._schema = SCHEMA.with_metadata(identity)
        self._parts = target.files(FOLDER, ".parquet")
        self._rows: list[pa.Table] = []
        self._number = 0
        self._written = time.monotonic()
        if self._parts:
            self._compare(identity)

    def done(self) -> pa.Table:
        """Return the columns path and is_broken of the photos that have a row already."""
        parts = [SCHEMA.empty_table().select(["path", "error"])]
        parts += [self._read(part, ["path", "error"]) for part in self._parts]
        rows = pa.concat_tables(parts)
        return pa.table({"path": rows["path"], "is_broken": rows["error"].is_valid()})

    def rows(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of all runs, also of this one if it has ended, in the order in which they were added."""
        for part in self._parts:
            yield from self._read(part, columns).to_pylist()

    def add(self, rows: pa.Table) -> None:
        """Add rows of SCHEMA; write the collected rows if they are many or old enough."""
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
            file = io.BytesIO()
            pq.write_table(pa.concat_tables(self._rows).cast(self._schema), file)
            # The time makes the name unique: no run overwrites a file of another.
            part = f"{FOLDER}/{time.time_ns()}.parquet"
            self._target.write(part, file.getvalue())
            self._parts.append(part)
            self._rows, self._number = [], 0
        self._written = time.monotonic()

    def _read(self, part: str, columns: list[str]) -> pa.Table:
        with self._target.open(part) as file:
            return pq.read_table(file, columns=columns).replace_schema_metadata()

    def _compare(self, identity: dict[str, str]) -> None:
        with self._target.open(self._parts[0]) as file:
            metadata = pq.read_schema(file).metadata
        before = {name.decode(): value.decode() for name, value in metadata.items()}
        check_identity(before, identity, self._target.url)
