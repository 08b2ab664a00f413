"""The model without a server: what `python cli.py predict` writes, and how it goes on past what it can't read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands.predict import destinations
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import ServiceProcess


def predict(*arguments: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, ROOT / "cli.py", "predict", *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_a_folder_with_a_broken_file_is_done_all_the_same(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "more").mkdir(parents=True)
    shutil.copy(ASTRONAUT, photos / "astronaut.jpg")
    shutil.copy(CHELSEA, photos / "more" / "cat.JPG")
    (photos / "broken.png").write_bytes(CHELSEA.read_bytes()[:1000])
    (photos / "notes.txt").write_text("not a photo, by its name")
    run = predict(photos, "--output", "cutout", "--classes", "person,8", "-o", out, folder=tmp_path)
    assert run.returncode == 1
    assert b"broken.png: the image is" in run.stderr
    assert b"Error: 1 of 3 photos could not be segmented" in run.stderr
    assert sorted(path.relative_to(out) for path in out.rglob("*.*")) == [
        Path("astronaut.cutout.png"),
        Path("more/cat.cutout.png"),
    ]
    with Image.open(out / "astronaut.cutout.png") as person:
        assert (person.mode, person.size) == ("RGBA", (512, 512))


def test_one_photo_to_a_file_or_to_the_standard_output(tmp_path: Path, service: ServiceProcess) -> None:
    run = predict(CHELSEA, "-o", "cat.jpg", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stderr == b""
    with Image.open(tmp_path / "cat.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (451, 300))
    for output, size in (("objects", "original"), ("mask", "model")):
        printed = predict(CHELSEA, "--output", output, "--size", size, "-o", "-", folder=tmp_path)
        answer = service.predict(CHELSEA.read_bytes(), params={"output": output, "size": size})
        assert printed.stdout == answer.content


def test_what_can_not_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    wrong_class = predict(CHELSEA, "--classes", "unicorn", folder=tmp_path)
    assert wrong_class.stderr.startswith(b"Error: classes: 'unicorn' is not a class; allowed: ")
    wrong_setting = predict(CHELSEA, folder=tmp_path, IMAGE_SIZE="5000")
    assert wrong_setting.stderr == b"Error: IMAGE_SIZE='5000' can't be used; allowed: 16 to 1024\n"
    nothing = predict(tmp_path, folder=tmp_path)
    assert nothing.stderr == f"Error: there are no photos in {tmp_path}\n".encode()
    nowhere = predict(CHELSEA, "-o", "/proc/x.png", folder=tmp_path)
    assert b"Error: 1 of 1 photos could not be segmented" in nowhere.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("output", ["objects", "mask"])
def test_photos_of_one_name_do_not_overwrite_each_other(tmp_path: Path, output: str) -> None:
    for name in ("a.jpg", "a.png", "b.jpg", "c.mask.png", "sub/a.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    written = destinations([tmp_path / "in"], output, tmp_path / "out")
    ending = {"objects": "objects.json", "mask": "mask.png"}[output]
    assert {str(file.relative_to(tmp_path / "out")) for file in written.values()} == {
        f"a.jpg.{ending}",
        f"a.png.{ending}",
        f"b.{ending}",
        f"sub/a.{ending}",
    }  # c is what an earlier run has made


def test_the_output_is_the_services_own(tmp_path: Path, service: ServiceProcess) -> None:
    run = predict(ASTRONAUT, "--output", "map", "--size", "model", folder=tmp_path)
    assert run.returncode == 0
    written = json.loads((tmp_path / "astronaut.map.json").read_bytes())
    assert np.array_equal(written["seg_map"], service.predict(ASTRONAUT.read_bytes()).json()["seg_map"])
