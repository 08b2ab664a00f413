"""What became of each photo, in Parquet files: written by one process, a row for each photo that is settled."""

import io
import time
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from commands.batch.storage import Place
from core.errors import SegmenterError

FOLDER = "manifest"
SCHEMA = pa.schema(
    {
        "path": pa.large_string(),  # of the photo, below INPUT
        "size": pa.list_(pa.int32()),  # width and height in pixels of what was made of it
        "objects": pa.list_(pa.string()),  # labels of the classes in it, largest first, without background
        "areas": pa.list_(pa.int64()),  # pixels of each of them
        "mask": pa.string(),  # path of what was made of it, below OUTPUT
        "error": pa.string(),  # what is wrong with the photo
    }
)
# A file is written when so many rows or seconds have come together. A killed run repeats what it had not written.
ROWS, SECONDS = 10_000, 10.0


class Manifest:
    """The manifest in the folder `target`, of runs of one `identity`: what they make and what of.

    Raises SegmenterError if what is there already is of another.
    """

    def __init__(self, target: Place, identity: dict[str, str]) -> None:
        self._target = target
        self._schema = SCHEMA.with_metadata(identity)
        self._parts = target.files(FOLDER, ".parquet")
        self._rows: list[pa.Table] = []
        self._written = time.monotonic()
        if self._parts:
            self._compare(identity)

    def settled(self) -> pa.Table:
        """Return the column path of the photos that earlier runs have settled."""
        return pa.concat_tables([SCHEMA.empty_table().select(["path"]), *map(self._paths, self._parts)])

    def add(self, rows: pa.Table) -> None:
        """Add rows of SCHEMA, and write those that have come together if there are enough."""
        self._rows.append(rows)
        if sum(map(len, self._rows)) >= ROWS or time.monotonic() > self._written + SECONDS:
            self._write()

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._write()

    def _write(self) -> None:
        if self._rows:
            file = io.BytesIO()
            pq.write_table(pa.concat_tables(self._rows).cast(self._schema), file)
            # By its time, so that no run overwrites another's.
            self._target.write(f"{FOLDER}/{time.time_ns()}.parquet", file.getvalue())
            self._rows = []
        self._written = time.monotonic()

    def _paths(self, part: str) -> pa.Table:
        with self._target.open(part) as file:
            return pq.read_table(file, columns=["path"]).replace_schema_metadata()

    def _compare(self, identity: dict[str, str]) -> None:
        with self._target.open(self._parts[0]) as file:
            metadata = pq.read_schema(file).metadata
        for name, value in identity.items():
            before = metadata.get(name.encode(), b"").decode()
            if before != value:
                raise SegmenterError(
                    f"{self._target.url} was made with {name}={before!r}, not {value!r}; "
                    "go on with the same, or name another folder"
                )
