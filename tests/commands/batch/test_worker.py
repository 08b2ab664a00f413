"""The worker of `batch` without Ray: the files that it writes, and its rows for good, bad and missing photos."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from commands.batch.job import Job
from commands.batch.storage import Storage
from commands.batch.worker import TRANSIENT_ERROR, Worker
from commands.shared.stop import Stop
from config import Settings
from core.errors import (
    DecoderLost,
    ImageTooLarge,
    InferenceFailed,
    InvalidImage,
    MemoryFull,
    SegmenterError,
    UnsupportedImage,
)
from core.labels import LABELS
from core.parameters import encoder
from core.types import Look, Options
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT


@pytest.fixture(scope="module")
def shared_worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A worker with a model for images of 65 pixels, which writes cut-outs of cats in the size of the photo."""
    folder = f"file://{tmp_path_factory.mktemp('worker')}"
    settings = Settings(max_upload_mb=1, image_size=65)
    return Worker(
        Job(
            source=folder,
            target=folder,
            output="cutout",
            options=Options("original", classes=(8,)),
            threads=2,
            settings=settings,
        )
    )


@pytest.fixture
def worker(shared_worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """The shared worker, which reads from the folder tmp_path/in and writes to tmp_path/out."""
    (tmp_path / "in").mkdir()
    for name in ("astronaut.jpg", "chelsea.jpg"):
        shutil.copy(ROOT / "assets" / name, tmp_path / "in")
    monkeypatch.setattr(shared_worker, "source", Storage(str(tmp_path / "in")))
    monkeypatch.setattr(shared_worker, "target", Storage(str(tmp_path / "out")))
    return shared_worker


def process(worker: Worker, *names: str) -> list[dict[str, Any]]:
    """Return the rows of the photos `names`."""
    rows: list[dict[str, Any]] = worker(pa.table({"path": list(names)})).to_pylist()
    assert [row["path"] for row in rows] == list(names)
    return rows


def test_worker_writes_result_and_returns_its_size_and_classes(worker: Worker, tmp_path: Path) -> None:
    [row] = process(worker, "chelsea.jpg")
    assert (row["objects"], row["size"], row["mask"]) == (["cat"], [451, 300], "chelsea.jpg.cutout.png")
    assert (row["error"], row[TRANSIENT_ERROR]) == (None, None)
    with Image.open(tmp_path / "out" / row["mask"]) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (451, 300))


def test_worker_returns_areas_of_classes_largest_first(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "job", replace(worker.job, output="mask", options=Options("original")))
    for row in process(worker, "astronaut.jpg", "chelsea.jpg"):
        mask = np.asarray(Image.open(tmp_path / "out" / row["mask"]))
        assert row["areas"] == sorted(row["areas"], reverse=True)
        areas = {LABELS[class_]: np.count_nonzero(mask == class_) for class_ in np.unique(mask) if class_}
        assert dict(zip(row["objects"], row["areas"], strict=True)) == areas


def test_worker_looks_twice_if_the_job_wants_it(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks, areas = [], []
    for look in get_args(Look):
        options = Options("original", look=look)
        monkeypatch.setattr(worker, "job", replace(worker.job, output="mask", options=options))
        [row] = process(worker, "astronaut.jpg")
        masks.append((tmp_path / "out" / row["mask"]).read_bytes())
        areas.append(row["areas"])
        expected = worker._model.segment(ASTRONAUT.read_bytes(), encoder("mask"), options)
        assert masks[-1] == expected.content
    assert masks[0] != masks[1]
    assert areas[0] != areas[1]


def test_worker_returns_no_classes_for_photo_without_the_kept_ones(worker: Worker) -> None:
    [row] = process(worker, "astronaut.jpg")
    assert (row["objects"], row["areas"], row["size"]) == ([], [], [512, 512])


def test_worker_returns_error_for_file_larger_than_limit(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "in" / "large.bmp").write_bytes(bytes(1_000_001))
    [row] = process(worker, "large.bmp")
    assert row["error"] == "the file is larger than 1 MB, the limit (MAX_UPLOAD_MB); raise it, or save a smaller image"
    assert (row["mask"], row[TRANSIENT_ERROR]) == (None, None)


def test_worker_returns_error_for_damaged_photo(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "in" / "cut.jpg").write_bytes(CHELSEA.read_bytes()[:5000])
    [row] = process(worker, "cut.jpg")
    assert "damaged" in row["error"]
    assert (row["mask"], row[TRANSIENT_ERROR]) == (None, None)


def test_worker_returns_transient_error_for_missing_photo_and_segments_the_others(worker: Worker) -> None:
    missing, cat = process(worker, "missing.jpg", "chelsea.jpg")
    assert missing["error"] is None
    assert missing[TRANSIENT_ERROR].startswith("No such file or directory: ")
    assert (cat["objects"], cat[TRANSIENT_ERROR]) == (["cat"], None)


def test_worker_returns_transient_error_if_result_can_not_be_written(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "target", Storage("/proc/missing"))
    [row] = process(worker, "chelsea.jpg")
    assert (row["mask"], row["error"]) == (None, None)
    assert row[TRANSIENT_ERROR]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (InvalidImage, "error"),
        (UnsupportedImage, "error"),
        (ImageTooLarge, "error"),
        (DecoderLost, TRANSIENT_ERROR),
        (InferenceFailed, TRANSIENT_ERROR),
        (MemoryFull, TRANSIENT_ERROR),
    ],
)
def test_worker_returns_error_only_if_the_photo_is_at_fault(
    kind: type[SegmenterError], column: str, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def segment(*_: Any, **__: Any) -> None:
        raise kind("the reason")

    monkeypatch.setattr(worker._model, "segment", segment)
    [row] = process(worker, "chelsea.jpg")
    assert {name for name in ("error", TRANSIENT_ERROR) if row[name]} == {column}
    assert row[column].endswith("the reason")


def test_worker_with_output_none_returns_classes_and_writes_no_file(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "job", replace(worker.job, output="none"))
    [row] = process(worker, "chelsea.jpg")
    assert (row["objects"], row["mask"], row["error"], row[TRANSIENT_ERROR]) == (["cat"], None, None, None)
    assert not (tmp_path / "out").exists()


def test_finished_photos_do_not_wait_for_a_slow_one(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Event()

    def process(path: str, *_: Any) -> dict[str, Any]:
        if path == "slow.jpg":
            slow.wait()
        return {"path": path}

    monkeypatch.setattr(worker, "_process", process)
    paths = ["slow.jpg", *(f"{number}.jpg" for number in range(100))]
    found = []
    with Stop() as stop:
        for rows in worker.finished(paths, stop):
            found += [row["path"] for row in rows]
            if len(found) == 100:
                assert "slow.jpg" not in found
                slow.set()
    assert sorted(found) == sorted(paths)


def test_finished_photos_are_kept_after_a_signal_and_no_other_is_begun(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_process", lambda path, *_: {"path": path})
    found = []
    with Stop() as stop:
        for rows in worker.finished([f"{number}.jpg" for number in range(1000)], stop):
            found += rows
            os.kill(os.getpid(), signal.SIGTERM)
    assert 0 < len(found) < 1000


def test_worker_reports_name_too_long_for_a_result_before_any_work(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "in" / f"{'a' * 250}.jpg").touch()
    [row] = process(worker, f"{'a' * 250}.jpg")
    assert row[TRANSIENT_ERROR].startswith("the name is too long for a result; rename the photo")
