"""`cli.py batch` in its own process, without Ray: the rows, an interrupted run, its resumption, and COCO's file."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools.coco import COCO

from tests.commands.batch.runs import manifest
from tests.support.hostile_names import HOSTILE_NAMES, write_archive
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import TIMEOUT

ENVIRONMENT = os.environ | {"IMAGE_SIZE": "65"}
# Ray can't be imported, and rows are written at once.
CODE = (
    "import sys; sys.modules['ray'] = None; from cli import main; from commands.batch import manifest; "
    "manifest.SECONDS = 0; main()"
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


def test_batch_of_archive_with_names_that_lead_out_writes_only_below_output(tmp_path: Path) -> None:
    photo = CHELSEA.read_bytes()
    archive, out = tmp_path / "in.zip", tmp_path / "deep" / "down" / "out"
    write_archive(archive, {"good.jpg": photo} | {name.partition("\0")[0]: photo for name in HOSTILE_NAMES})
    run = batch(f"zip::file://{archive}", out, status=1)
    assert "'../../../three.jpg' can't be used: the name has " in run.stderr
    assert "photos or folders have no result" in run.stderr
    assert set(manifest(out)) == {"good.jpg"}
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.suffix != ".parquet"}
    files = {name for name in written if (tmp_path / name).is_file()}
    assert files == {"in.zip", "deep/down/out/good.jpg.mask.png"}


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
