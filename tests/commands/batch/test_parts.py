"""The parts of `batch`, without Ray: what is listed, what a worker makes, what the manifest keeps."""

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from commands.batch import manifest
from commands.batch.job import Job
from commands.batch.manifest import SCHEMA, Manifest
from commands.batch.storage import Place
from commands.batch.worker import Worker
from config import Settings
from core.errors import SegmenterError
from tests.support.paths import ASTRONAUT, CHELSEA


def listed(source: Place, target: Place) -> list[str]:
    return sorted(path for paths in source.photos(without=target) for path in paths.to_pylist())


def test_photos_are_listed_in_a_folder_and_in_an_archive(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.TIFF", "sub/c.webp", "sub/a.mask.png", "out/d.png", "notes.txt", ".e.png.part"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "in" / "sub" / "loop").symlink_to(tmp_path / "in")
    here, inside = Place(str(tmp_path / "in")), Place(str(tmp_path / "in" / "out"))
    assert here.url == f"file://{tmp_path}/in"
    assert listed(here, inside) == ["a.jpg", "b.TIFF", "sub/c.webp"]
    assert listed(here, here) == ["a.jpg", "b.TIFF", "out/d.png", "sub/c.webp"]
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(CHELSEA, "photos/cat.jpg")
        archive.write(CHELSEA, "other/cat.jpg")
    zipped = Place(f"zip://photos::{tmp_path}/in.zip")
    assert zipped.url == f"zip://photos::file://{tmp_path}/in.zip"
    assert zipped.is_folder()
    assert listed(zipped, inside) == ["cat.jpg"]
    with zipped.open("cat.jpg") as file:
        assert file.read() == CHELSEA.read_bytes()
    assert not Place(str(tmp_path / "nowhere")).is_folder()


def test_files_are_written_whole(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    (tmp_path / ".x.png.part").write_bytes(b"what a killed process has left")
    for content in (b"one", b"two"):
        place.write("x.png", content)
        place.write("sub/y.png", content)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == ["sub/y.png", "x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"two"
    assert place.files("sub", ".png") == ["sub/y.png"]
    assert place.files("nowhere", ".png") == []
    bucket = Place("memory://bucket/out")
    bucket.write("mask/x.png", b"put")
    with bucket.open("mask/x.png") as file:
        assert file.read() == b"put"


def test_the_manifest_goes_on_only_with_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "ROWS", 3)
    place = Place(str(tmp_path))
    with Manifest(place, {"--output": "mask"}) as kept:
        for number in range(4):
            kept.add(pa.Table.from_pylist([{"path": f"{number}.jpg"}], SCHEMA))
        assert len(list((tmp_path / "manifest").iterdir())) == 1
    assert len(list((tmp_path / "manifest").iterdir())) == 2
    with Manifest(place, {"--output": "mask"}) as kept:
        assert sorted(kept.settled()["path"].to_pylist()) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert len(list((tmp_path / "manifest").iterdir())) == 2
    with pytest.raises(SegmenterError, match=r"was made with --output='mask', not 'overlay'; go on with the same, or"):
        Manifest(place, {"--output": "overlay"})


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "in").mkdir()
    job = Job(
        source=f"file://{folder}/in",
        target=f"file://{folder}/out",
        output="cutout",
        original=True,
        classes=(8,),
        threads=2,
        settings=Settings(max_upload_mb=1),
    )
    return Worker(job)


def folder_of(url: str) -> Path:
    return Path(url.removeprefix("file://"))


def test_a_worker_makes_what_is_asked_for(worker: Worker) -> None:
    source, target = folder_of(worker.job.source), folder_of(worker.job.target)
    for photo in (ASTRONAUT, CHELSEA):
        shutil.copy(photo, source)
    (source / "large.bmp").write_bytes(bytes(1_000_001))
    names = ["astronaut.jpg", "chelsea.jpg", "large.bmp", "vanished.jpg"]
    person, cat, large, vanished = worker(pa.table({"path": names})).to_pylist()
    assert (person["objects"], person["areas"], person["size"]) == ([], [], [512, 512])
    assert (cat["objects"], cat["size"], cat["error"], cat["lost"]) == (["cat"], [451, 300], None, None)
    with Image.open(target / cat["mask"]) as picture:
        assert (picture.mode, picture.size) == ("RGBA", (451, 300))
    assert large["error"] == "the file is larger than 1 MB, the limit (MAX_UPLOAD_MB); save a smaller image"
    assert vanished["error"] is None
    assert vanished["lost"].startswith("FileNotFoundError: ")


def test_a_photo_whose_mask_can_not_be_written_is_not_settled(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(CHELSEA, folder_of(worker.job.source))
    monkeypatch.setattr(worker, "job", replace(worker.job, output="none"))
    [nothing] = worker(pa.table({"path": ["chelsea.jpg"]})).to_pylist()
    assert (nothing["objects"], nothing["mask"], nothing["lost"]) == (["cat"], None, None)
    monkeypatch.setattr(worker, "job", replace(worker.job, output="mask"))
    monkeypatch.setattr(worker, "target", Place("/proc/nowhere"))
    [lost] = worker(pa.table({"path": ["chelsea.jpg"]})).to_pylist()
    assert (lost["mask"], lost["error"]) == (None, None)
    assert lost["lost"]
