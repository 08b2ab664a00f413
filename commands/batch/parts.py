"""The Parquet files of a manifest: one table for each, with all columns of SCHEMA."""

import io
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from commands.batch.storage import Storage
from core.errors import SegmenterError

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
        "error_with": pa.string(),  # what the error depends on besides the photo, see commands.shared.again
        "photo_bytes": pa.int64(),  # size of the photo
        "photo_time": pa.int64(),  # time of its last change, in nanoseconds
        "mask_bytes": pa.int64(),  # the same of the result
        "mask_time": pa.int64(),
        "id": pa.int64(),  # number of the row, which no other one gets later
    }
)


def part_names(target: Storage) -> list[str]:
    """Return the paths of the parts in the order in which they were written, whatever the clock said."""
    return sorted(target.files(FOLDER, ".parquet"), key=lambda path: (number(path), path))


def number(path: str) -> int:
    """Return the number in the name of a part; 0 for the name of a foreign file."""
    stem = PurePosixPath(path).stem
    return int(stem) if stem.isdecimal() and stem.isascii() else 0


def read(target: Storage, path: str, first_id: int) -> tuple[pa.Table, dict[str, str]]:
    """Return the rows of the part at `path`, and its identity. Rows of early versions are numbered from `first_id` on.

    Raises SegmenterError for a file that is damaged, or not a part.
    """
    try:
        with target.open(path) as file:
            table = pq.read_table(file)
        if "path" not in table.schema.names:
            raise ValueError("it has no column path")
        metadata = table.schema.metadata or {}
        identity = {name.decode(): value.decode() for name, value in metadata.items()}
        columns = [
            table[field.name].cast(field.type) if field.name in table.schema.names else pa.nulls(len(table), field.type)
            for field in SCHEMA
        ]
    except (ValueError, TypeError, EOFError, pa.ArrowException, OSError) as error:
        raise SegmenterError(
            f"{target.url}/{path} is not a part of a manifest, or damaged: {str(error).partition(chr(10))[0]}; move it "
            "away, and the photos whose rows it had are segmented again"
        ) from error
    if columns[-1].null_count:
        columns[-1] = pa.array(range(first_id, first_id + len(table)), pa.int64())
    return pa.table(columns, SCHEMA), identity


def write(target: Storage, path: str, rows: pa.Table, identity: dict[str, str]) -> None:
    """Write the part at `path`. Raises the exceptions of the file system."""
    file = io.BytesIO()
    pq.write_table(rows.cast(SCHEMA).replace_schema_metadata(identity), file)
    target.write(path, file.getvalue())
