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


def test_errors_are_planned_again_when_their_cause_changed_or_all_with_retry_errors(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    storage = Storage(str(tmp_path))
    with Manifest(storage, {}) as manifest:
        rows = [
            {"path": "a.jpg", "error": "large", "error_with": "LIMIT=1"},
            {"path": "b.jpg", "error": "damaged", "error_with": "version 1"},
        ]
        manifest.add(pa.Table.from_pylist(rows, SCHEMA))
    for lasting, retry_errors, expected in (
        ({"LIMIT=1", "version 1"}, False, []),
        ({"LIMIT=2", "version 1"}, False, ["a.jpg"]),
        ({"LIMIT=2", "version 1"}, True, ["a.jpg", "b.jpg"]),
    ):
        again = Again(retry_errors=retry_errors, check=False, lasting=frozenset(lasting))
        todo = plan(storage, storage, Manifest(storage, {}), again)
        assert todo.photos["path"].to_pylist() == expected


def test_check_plans_photos_without_result_and_replaced_ones_and_names_changed_results(tmp_path: Path) -> None:
    source, target = Storage(str(tmp_path / "in")), Storage(str(tmp_path / "out"))
    rows = []
    for name in ("changed", "kept", "missing", "replaced"):
        source.write(f"{name}.jpg", b"photo")
        target.write(f"{name}.png", b"result")
        photo, mask = source.version(f"{name}.jpg"), target.version(f"{name}.png")
        assert photo
        assert mask
        versions = {"photo_bytes": photo.size, "photo_time": photo.modified}
        versions |= {"mask_bytes": mask.size, "mask_time": mask.modified}
        rows.append({"path": f"{name}.jpg", "mask": f"{name}.png"} | versions)
    with Manifest(target, {}) as manifest:
        manifest.add(pa.Table.from_pylist(rows, SCHEMA))
    (tmp_path / "out" / "missing.png").unlink()
    (tmp_path / "out" / "changed.png").write_bytes(b"by hand")
    (tmp_path / "in" / "replaced.jpg").write_bytes(b"another photo")
    assert len(plan(source, target, Manifest(target, {}), KEPT).photos) == 0
    todo = plan(source, target, Manifest(target, {}), Again(retry_errors=False, check=True))
    assert todo.photos["path"].to_pylist() == ["missing.jpg", "replaced.jpg"]
    assert todo.changed == ["changed.png"]
