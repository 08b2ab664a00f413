"""The manifest: when its files are written, and what a later run reads from them."""

from pathlib import Path

import pyarrow as pa
import pytest

from commands.batch import manifest, unwritten
from commands.batch.manifest import Manifest
from commands.batch.parts import SCHEMA
from commands.batch.storage import Storage
from core.errors import SegmenterError


def add(to: Manifest, *numbers: int) -> None:
    """Add a table with one row for each of `numbers`."""
    to.add(pa.Table.from_pylist([{"path": f"{number}.jpg"} for number in numbers], SCHEMA))


def files(folder: Path) -> list[Path]:
    return sorted((folder / "manifest").glob("[!.]*"))


def test_manifest_writes_a_file_after_enough_rows_and_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "ROWS", 3)
    monkeypatch.setattr(manifest, "SECONDS", 10**6)
    with Manifest(Storage(str(tmp_path)), {}) as kept:
        add(kept, 0, 1)
        assert len(files(tmp_path)) == 0
        add(kept, 2)
        assert len(files(tmp_path)) == 1
        add(kept, 3)
        assert len(files(tmp_path)) == 1
    assert len(files(tmp_path)) == 2


def test_manifest_writes_a_file_after_enough_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "SECONDS", 0.0)
    with Manifest(Storage(str(tmp_path)), {}) as kept:
        add(kept, 0)
        assert len(files(tmp_path)) == 1
        add(kept, 1)
        assert len(files(tmp_path)) == 2


def test_manifest_without_rows_writes_no_file(tmp_path: Path) -> None:
    with Manifest(Storage(str(tmp_path)), {}):
        pass
    assert files(tmp_path) == []


def test_manifest_writes_its_rows_when_the_run_is_interrupted(tmp_path: Path) -> None:
    def run() -> None:
        with Manifest(Storage(str(tmp_path)), {}) as kept:
            add(kept, 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(files(tmp_path)) == 1


def test_done_returns_the_paths_of_all_earlier_runs(tmp_path: Path) -> None:
    target = Storage(str(tmp_path))
    for numbers in ((0, 1), (2,)):
        with Manifest(target, {"--output": "mask"}) as kept:
            add(kept, *numbers)
    done = Manifest(target, {"--output": "mask"}).done()
    assert sorted(done["path"].to_pylist()) == ["0.jpg", "1.jpg", "2.jpg"]
    assert done["error"].to_pylist() == [None] * 3


def test_done_of_new_manifest_is_empty(tmp_path: Path) -> None:
    assert Manifest(Storage(str(tmp_path)), {}).done().num_rows == 0


def test_manifest_of_another_identity_raises_segmenter_error(tmp_path: Path) -> None:
    target = Storage(str(tmp_path))
    with Manifest(target, {"--output": "mask"}) as kept:
        add(kept, 0)
    with pytest.raises(SegmenterError, match=f"^file://{tmp_path} was made with --output='mask', not 'overlay'; "):
        Manifest(target, {"--output": "overlay"})


def test_rows_of_killed_run_are_kept_without_a_torn_last_line(tmp_path: Path) -> None:
    target = Storage(str(tmp_path))
    with Manifest(target, {"--output": "mask"}) as kept:
        add(kept, 0, 1)
        rows = (tmp_path / unwritten.FILE).read_bytes()
    [part] = files(tmp_path)
    part.unlink()  # as if the run had been killed before it wrote its part
    (tmp_path / unwritten.FILE).write_bytes(rows)
    with (tmp_path / unwritten.FILE).open("ab") as file:
        file.write(b'{"path": "2.jp')
    with Manifest(target, {"--output": "mask"}) as kept:
        assert kept.done()["path"].to_pylist() == ["0.jpg", "1.jpg"]
    assert [path.name for path in files(tmp_path)] == ["00000001.parquet"]


def test_rows_of_run_that_was_killed_after_it_wrote_its_part_are_there_once(tmp_path: Path) -> None:
    target = Storage(str(tmp_path))
    with Manifest(target, {}) as kept:
        add(kept, 0)
        rows = (tmp_path / unwritten.FILE).read_bytes()
    (tmp_path / unwritten.FILE).write_bytes(rows)
    assert Manifest(target, {}).done()["path"].to_pylist() == ["0.jpg"]


@pytest.mark.parametrize("content", [b"", b"text", b"PAR1cutPAR1"])
def test_damaged_part_raises_segmenter_error_with_its_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "5.parquet").write_bytes(content)
    with pytest.raises(SegmenterError, match=r"manifest/5\.parquet is not a part of a manifest, or damaged: .*move it"):
        Manifest(Storage(str(tmp_path)), {})


def test_hidden_files_in_the_folder_of_the_manifest_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "._1.parquet").write_bytes(b"AppleDouble")
    assert len(Manifest(Storage(str(tmp_path)), {}).done()) == 0


def test_ids_stay_the_same_when_rows_are_removed_and_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Storage(str(tmp_path))
    with Manifest(target, {}) as kept:
        add(kept, 0, 1)
    monkeypatch.setattr("time.time_ns", lambda: 0)
    with Manifest(target, {}) as kept:
        kept.remove({"0.jpg"})
        add(kept, 2)
    with Manifest(target, {}) as kept:
        add(kept, 0)
    ids = [(row["path"], row["id"]) for row in Manifest(target, {}).rows(["path", "id"])]
    assert ids == [("1.jpg", 2), ("2.jpg", 3), ("0.jpg", 4)]
