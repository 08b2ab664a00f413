"""The photos that are left: those without a row in the manifest."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from commands.batch.manifest import Manifest
from commands.batch.storage import Storage
from commands.shared.photos import LeftOut


@dataclass(frozen=True, slots=True)
class Plan:
    """`photos`, a table with a column path, are left; `skipped` have a row, of which `broken` have an error.

    `left_out` are the files of the folder that are not photos.
    """

    photos: pa.Table
    skipped: int
    broken: int
    left_out: LeftOut


def plan(source: Storage, target: Storage, manifest: Manifest) -> Plan:
    """Return the photos in `source`, without those in the subfolder `target`, that have no row in `manifest`.

    The lists are Arrow tables: as Python strings, millions of paths take gigabytes. Raises the exceptions of the file
    system if `source` itself can't be read.
    """
    left_out = LeftOut()
    found = pa.table({"path": pa.chunked_array(source.photos(target, left_out), pa.large_string())})
    done = manifest.done()
    left = found.join(done, "path", join_type="left anti").sort_by("path")
    broken = found.join(done.filter(pc.field("is_broken")), "path", join_type="left semi")
    return Plan(left, len(found) - len(left), len(broken), left_out)
