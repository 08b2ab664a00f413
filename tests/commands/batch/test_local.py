"""`cli.py batch` in its own process, without Ray: the rows, an interrupted run, its resumption, and COCO's file."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest
from PIL import Image
from pycocotools.coco import COCO

from tests.support.hostile_names import HOSTILE_NAMES, write_archive
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.processes import process_group
from tests.support.service import TIMEOUT, wait_for

ENVIRONMENT = os.environ | {"IMAGE_SIZE": "65"}
# Ray can't be imported, and rows are written at once.
CODE = (
    "import sys; sys.modules['ray'] = None; from cli import cli; from commands.batch import manifest; "
    "manifest.SECONDS = 0; cli()"
)
BATCH = (sys.executable, "-c", CODE, "batch")


def batch(*arguments: object, status: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run the command, which must end with `status`."""
    command = [*BATCH, *map(str, arguments)]
    run = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    assert run.returncode == status, run.stderr
    return run


def manifest(out: Path) -> dict[str, object]:
    """Return the errors in the manifest by the paths of the photos, each of which must have one row."""
    rows = pyarrow.dataset.dataset(out / "manifest").to_table().to_pylist()
    found = {row["path"]: row["error"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_batch_without_ray_reports_lost_photos_and_what_it_leaves_out(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "sub").mkdir(parents=True)
    for name in ("a.jpg", "a.png", "sub/without_ending", b"gr\xfcn.jpg".decode(errors="surrogateescape")):
        shutil.copy(CHELSEA, photos / name)
    (photos / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (photos / "notes.txt").write_text("no photo")
    run = batch(photos, out, status=1)
    assert run.stdout.startswith("3 done, 0 skipped, 1 broken, 0 left in ")
    # On a slow machine there are also lines about the progress.
    lines = [line for line in run.stderr.splitlines() if not re.match(r"\d+ of 4 photos", line)]
    assert lines.pop(2).startswith("IMG_1.HEIC: HEIC images are not served; send JPEG")
    assert lines == [
        "left out, not photos: notes.txt",
        "gr\\udcfcn.jpg: the name is not UTF-8, which the manifest can't hold; rename the file",
        "Error: 2 photos or folders have no result; see above, and column error of the manifest",
    ]
    assert set(manifest(out)) == {"a.jpg", "a.png", "sub/without_ending", "IMG_1.HEIC"}
    assert sorted(path.name for path in out.rglob("*.png")) == [
        "a.jpg.mask.png",
        "a.png.mask.png",
        "without_ending.mask.png",
    ]
    with Image.open(out / "a.jpg.mask.png") as mask:
        assert mask.size == (451, 300)
    # The second run repeats nothing, and still tells that photos were lost.
    run = batch(photos, out, status=1)
    assert run.stdout.startswith("0 done, 4 skipped, 0 broken, 0 left in ")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_batch_of_archive_with_names_that_lead_out_writes_only_below_output(kind: str, tmp_path: Path) -> None:
    photo = CHELSEA.read_bytes()
    archive, out = tmp_path / f"in.{kind}", tmp_path / "deep" / "down" / "out"
    write_archive(archive, {"good.jpg": photo} | {name.partition("\0")[0]: photo for name in HOSTILE_NAMES})
    run = batch(f"{kind}::file://{archive}", out, status=1)
    for name in ("../../../three.jpg", "/etc/x.jpg", "a/../../b.jpg", "C:\\x.jpg", "line\nfeed.jpg"):
        assert f"{name!r} can't be used: the name has " in run.stderr
    assert "photos or folders have no result" in run.stderr
    results = {"good.jpg"} | ({"a/f.jpg"} if kind == "tar" else set())
    assert set(manifest(out)) == results
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in written if not name.startswith("deep/down/out/manifest/")} == {
        archive.name,
        *(f"deep/down/out/{name}.mask.png" for name in results),
    }


def test_batch_of_archive_whose_names_all_lead_out_ends_as_with_broken_photos(tmp_path: Path) -> None:
    write_archive(tmp_path / "in.zip", {"../three.jpg": CHELSEA.read_bytes()})
    run = batch(f"zip::file://{tmp_path}/in.zip", tmp_path / "out", status=1)
    assert run.stderr.splitlines()[-1].startswith("Error: 1 photos or folders have no result")


def test_batch_to_output_with_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "out").mkdir()
    shutil.copy(CHELSEA, tmp_path / "photos")
    (tmp_path / "out" / "manifest").symlink_to(tmp_path / "photos")
    run = batch(tmp_path / "photos", tmp_path / "out", status=2)
    assert "can't be written: [Errno 40] a link leads out of" in run.stderr
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["chelsea.jpg"]


def test_batch_after_interrupt_processes_each_photo_once(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    names = {f"{number:03}.jpg" for number in range(300)}
    for name in names:
        (photos / name).symlink_to(CHELSEA)
    pipe = subprocess.PIPE
    with process_group(
        [*BATCH, str(photos), str(out), "--size", "model"], env=ENVIRONMENT, stdout=pipe, stderr=pipe
    ) as process:
        wait_for(lambda: (out / "manifest").exists() and len(manifest(out)) > 0)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, errors
    first = manifest(out)
    assert 0 < len(first) < len(names)
    assert output.startswith(f"{len(first)} done, 0 skipped, 0 broken, {len(names) - len(first)} left in ")
    written = {name: (out / f"{name}.mask.png").stat().st_mtime_ns for name in first}
    run = batch(photos, out, "--size", "model")
    assert run.stdout.startswith(f"{len(names) - len(first)} done, {len(first)} skipped, 0 broken, 0 left in ")
    assert set(manifest(out)) == names
    assert all((out / f"{name}.mask.png").stat().st_mtime_ns == written[name] for name in first)


def test_batch_to_coco_has_one_file_with_stable_ids(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "sub").mkdir(parents=True)
    shutil.copy(CHELSEA, photos / "b.jpg")
    (photos / "broken.jpg").write_bytes(b"no photo")
    batch(photos, out, "--output", "coco", status=1)
    first = json.loads((out / "annotations.json").read_text())
    assert [image["file_name"] for image in first["images"]] == ["b.jpg"]
    shutil.copy(ASTRONAUT, photos / "a.jpg")
    shutil.copy(CHELSEA, photos / "sub" / "b.jpg")
    batch(photos, out, "--output", "coco", status=1)
    second = json.loads((out / "annotations.json").read_text())
    for part in ("images", "annotations"):
        ids = [row["id"] for row in second[part]]
        assert len(set(ids)) == len(ids)
        assert [row for row in first[part] if row not in second[part]] == []
    assert {image["file_name"] for image in second["images"]} == {"a.jpg", "b.jpg", "sub/b.jpg"}
    assert sorted(path.name for path in out.iterdir()) == ["annotations.json", "manifest"]

    coco = COCO(out / "annotations.json")
    [cat] = coco.getCatIds(catNms=["cat"])
    assert {coco.imgs[image]["file_name"] for image in coco.getImgIds(catIds=[cat])} >= {"b.jpg", "sub/b.jpg"}
    for annotation in coco.anns.values():
        image = coco.imgs[annotation["image_id"]]
        mask = coco.annToMask(annotation)
        assert mask.shape == (image["height"], image["width"])
        assert np.count_nonzero(mask) == annotation["area"]


def test_batch_with_ray_that_is_not_installed_names_the_requirements(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(CHELSEA, tmp_path / "photos")
    run = batch(tmp_path / "photos", tmp_path / "out", "--ray", "local", status=1)
    assert run.stderr.splitlines()[-1] == (
        "Error: batch needs ray, which is not installed; get it with: pip install -r commands/batch/requirements.txt"
    )
