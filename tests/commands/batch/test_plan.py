"""The photos that a run still has to process."""

from pathlib import Path

import pyarrow as pa

from commands.batch.manifest import Manifest
from commands.batch.parts import SCHEMA
from commands.batch.plan import plan
from commands.batch.storage import Storage
from commands.shared.again import Again

KEPT = Again(retry_errors=False, check=False, lasting=frozenset({None}))


def test_planned_photos_are_sorted_and_have_no_row_in_the_manifest(tmp_path: Path) -> None:
    for name in ("c.jpg", "a.jpg", "sub/b.png", "sub/d.png", "out/x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source, target = Storage(str(tmp_path)), Storage(str(tmp_path / "out"))
    with Manifest(target, {}) as manifest:
        rows = [{"path": "a.jpg"}, {"path": "sub/d.png", "error": "damaged"}, {"path": "deleted.jpg"}]
        manifest.add(pa.Table.from_pylist(rows, SCHEMA))
    todo = plan(source, target, Manifest(target, {}), KEPT)
    assert todo.photos.to_pylist() == [{"path": "c.jpg"}, {"path": "sub/b.png"}]
    assert (todo.skipped, todo.broken) == (2, 1)


def test_planned_photos_of_folder_without_photos_are_an_empty_table(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    todo = plan(storage, storage, Manifest(storage, {}), KEPT)
    assert (todo.photos.num_rows, todo.skipped, todo.broken) == (0, 0, 0)
