"""`cli.py predict`: the files that it writes, and its messages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from werkzeug.test import Client

from cli import cli
from commands.predict import destinations
from core.model import ModelWrapper
from core.output.encode import ENCODERS
from core.types import Options, Size
from tests.support.http_client import upload
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import TIMEOUT

Predict = Callable[..., Result]


@pytest.fixture
def predict(small_model: ModelWrapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predict:
    """A function that runs `cli.py predict` in this process and in tmp_path, with a model for images of 65 pixels."""
    monkeypatch.setattr("commands.predict.create_model", lambda _: small_model)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_predict_in_own_process_prints_response_of_service(client: Client, tmp_path: Path) -> None:
    options = ["--output", "objects", "--size", "original", "-o", "-"]
    command = [sys.executable, str(ROOT / "cli.py"), "predict", str(CHELSEA), *options]
    environment = os.environ | {"REQUEST_TIMEOUT": str(TIMEOUT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=TIMEOUT)
    assert (run.returncode, run.stderr) == (0, b"")
    response = client.post("/model/predict?output=objects&size=original", **upload(CHELSEA.read_bytes()))
    assert run.stdout == response.data


@pytest.mark.parametrize(("output", "size"), [("map", "model"), ("mask", "model"), ("mask", "original")])
def test_predict_to_standard_output_prints_only_encoded_result(
    output: str, size: Size, predict: Predict, small_model: ModelWrapper
) -> None:
    result = predict(CHELSEA, "--output", output, "--size", size, "-o", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    encoded = small_model.segment(CHELSEA.read_bytes(), ENCODERS[output], Options(size=size))
    assert result.stdout_bytes == encoded.content


def test_predict_to_jpg_file_writes_overlay_as_jpeg_of_original_size(predict: Predict) -> None:
    result = predict(CHELSEA, "-o", "cat.jpg")
    assert (result.exit_code, result.output) == (0, "")
    with Image.open("cat.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (451, 300))


def test_predict_without_destination_writes_to_current_folder(predict: Predict, tmp_path: Path) -> None:
    result = predict(CHELSEA, "--output", "map")
    assert (result.exit_code, result.output) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["chelsea.map.json"]


def test_predict_of_folder_with_damaged_file_segments_the_others(predict: Predict, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "more").mkdir(parents=True)
    shutil.copy(ASTRONAUT, photos / "astronaut.jpg")
    shutil.copy(CHELSEA, photos / "more" / "cat.JPG")
    (photos / "broken.png").write_bytes(CHELSEA.read_bytes()[:1000])
    (photos / "notes.txt").write_text("not a photo, by its name")
    result = predict(photos, "--output", "cutout", "--classes", "person,8", "-o", out)
    assert result.exit_code == 1
    assert f"{photos}/broken.png: the image is" in result.stderr
    assert "Error: 1 of 3 photos could not be segmented" in result.stderr
    assert sorted(path.relative_to(out) for path in out.rglob("*.*")) == [
        Path("astronaut.cutout.png"),
        Path("more/cat.cutout.png"),
    ]
    with Image.open(out / "astronaut.cutout.png") as person:
        assert (person.mode, person.size) == ("RGBA", (512, 512))


def test_predict_with_unknown_class_names_class_and_allowed_ones(predict: Predict, tmp_path: Path) -> None:
    result = predict(CHELSEA, "--classes", "unicorn")
    assert result.exit_code == 1
    assert result.output.startswith("Error: classes: 'unicorn' is not a class; allowed: ")
    assert not list(tmp_path.iterdir())


def test_predict_with_bad_setting_names_variable_and_value(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_SIZE", "5000")
    result = predict(CHELSEA)
    assert (result.exit_code, result.output) == (
        1,
        "Error: IMAGE_SIZE='5000' can't be used; allowed: 16 to 1024\n",
    )
    assert not list(tmp_path.iterdir())


def test_predict_of_folder_without_photos_names_the_folder(predict: Predict, tmp_path: Path) -> None:
    result = predict(tmp_path)
    assert (result.exit_code, result.output) == (1, f"Error: there are no photos in {tmp_path}\n")


def test_predict_to_unwritable_file_reports_the_photo(predict: Predict, tmp_path: Path) -> None:
    result = predict(CHELSEA, "-o", "/proc/x.png")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{CHELSEA}: ")
    assert result.stderr.endswith("Error: 1 of 1 photos could not be segmented\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("output", ["objects", "mask"])
def test_destinations_of_photos_with_equal_stems_are_different(tmp_path: Path, output: str) -> None:
    # c.mask.png is a result of an earlier run, not a photo.
    for name in ("a.jpg", "a.png", "b.jpg", "c.mask.png", "sub/a.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    written = destinations([tmp_path / "in"], output, tmp_path / "out")
    suffix = {"objects": "objects.json", "mask": "mask.png"}[output]
    assert {str(file.relative_to(tmp_path / "out")) for file in written.values()} == {
        f"a.jpg.{suffix}",
        f"a.png.{suffix}",
        f"b.{suffix}",
        f"sub/a.{suffix}",
    }
