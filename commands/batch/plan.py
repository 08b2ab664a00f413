"""The photos that are left: those without a row in the manifest, and those whose row does not hold any more."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from commands.batch.manifest import Manifest
from commands.batch.storage import Storage
from commands.shared.again import Again, Version
from commands.shared.photos import LeftOut


@dataclass(frozen=True, slots=True)
class Plan:
    """`photos`, a table with a column path, are left; `skipped` have a row, of which `broken` have an error.

    `left_out` are the files of the folder that are not photos, `changed` the results that are not those of the rows.
    """

    photos: pa.Table
    skipped: int
    broken: int
    left_out: LeftOut
    changed: list[str] = field(default_factory=list)


def plan(source: Storage, target: Storage, manifest: Manifest, again: Again) -> Plan:
    """Return the photos in `source`, without those in the subfolder `target`, that have no row in `manifest`.

    Rows of photos that are segmented `again` are removed from it. The lists are Arrow tables: as Python strings,
    millions of paths take gigabytes. Raises the exceptions of the file system if `source` itself can't be read.
    """
    left_out = LeftOut()
    found = pa.table({"path": pa.chunked_array(source.photos(target, left_out), pa.large_string())})
    rows = manifest.done()
    stale, changed = set[str](), list[str]()
    for row in _doubtful(rows, again).join(found, "path", join_type="left semi").to_pylist():
        if row["error"] is not None:
            is_stale = again.tries(row["error_with"]) or (again.check and _is_replaced(row, source))
        else:
            is_stale = _is_replaced(row, source) or (row["mask"] and target.version(row["mask"]) is None)
            if row["mask"] and not is_stale and _differs(row, "mask", target.version(row["mask"])):
                changed.append(row["mask"])
        if is_stale:
            stale.add(row["path"])
    manifest.remove(stale)
    done = manifest.done().select(["path", "error"])
    left = found.join(done.select(["path"]), "path", join_type="left anti").sort_by("path")
    broken = found.join(done.filter(pc.field("error").is_valid()), "path", join_type="left semi")
    return Plan(left, len(found) - len(left), len(broken), left_out, changed)


def _doubtful(rows: pa.Table, again: Again) -> pa.Table:
    """Return the rows that may not hold any more."""
    return rows if again.check else rows.filter(pc.field("error").is_valid())


def _is_replaced(row: dict[str, Any], source: Storage) -> bool:
    return _differs(row, "photo", source.version(row["path"]))


def _differs(row: dict[str, Any], of: str, now: Version | None) -> bool:
    """Return whether a file differs from its version in the columns `of`_bytes and `of`_time, if they have one."""
    before = row[f"{of}_bytes"]
    return now is not None and before is not None and Version(before, row[f"{of}_time"]) != now
