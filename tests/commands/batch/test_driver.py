"""The photos that a run still has to process; the run itself needs Ray (test_ray)."""

from pathlib import Path

import pyarrow as pa

from commands.batch.driver import pending
from commands.batch.manifest import SCHEMA, Manifest
from commands.batch.storage import Storage


def test_pending_photos_are_sorted_and_have_no_row_in_the_manifest(tmp_path: Path) -> None:
    for name in ("c.jpg", "a.jpg", "sub/b.png", "sub/d.png", "out/x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source, target = Storage(str(tmp_path)), Storage(str(tmp_path / "out"))
    with Manifest(target, {}) as manifest:
        rows = [{"path": "a.jpg"}, {"path": "sub/d.png", "error": "damaged"}, {"path": "deleted.jpg"}]
        manifest.add(pa.Table.from_pylist(rows, SCHEMA))
    photos, skipped = pending(source, target, Manifest(target, {}))
    assert photos.to_pylist() == [{"path": "c.jpg"}, {"path": "sub/b.png"}]
    assert skipped == 2


def test_pending_photos_of_folder_without_photos_are_an_empty_table(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    photos, skipped = pending(storage, storage, Manifest(storage, {}))
    assert (photos.num_rows, skipped) == (0, 0)
