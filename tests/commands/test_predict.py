"""`cli.py predict`: the files that it writes, and its messages."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from werkzeug.test import Client

from cli import cli
from config import Settings
from core.decoders.decoder_pool import DecoderPool
from core.model import ModelWrapper
from core.output.encode import encode_cutout
from core.parameters import encoder
from core.types import Look, Options, Size
from tests.support.http_client import upload
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import TIMEOUT

Predict = Callable[..., Result]


@pytest.fixture
def predict(small_model: ModelWrapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Predict:
    """A function that runs `cli.py predict` in this process and in tmp_path, with a model for images of 65 pixels."""
    monkeypatch.setattr("commands.predict.create_model", lambda *_: small_model)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, ["predict", *map(str, arguments)])


def test_predict_of_standard_input_in_own_process_prints_response_of_service(client: Client, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), "predict", "-", "--output", "objects", "-o", "-"]
    environment = os.environ | {"REQUEST_TIMEOUT": str(TIMEOUT)}
    with CHELSEA.open("rb") as photo:
        run = subprocess.run(command, cwd=tmp_path, env=environment, stdin=photo, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    response = client.post("/model/predict?output=objects&size=original", **upload(CHELSEA.read_bytes()))
    assert run.stdout == response.data


@pytest.mark.parametrize(("output", "size"), [("map", "model"), ("mask", "model"), ("mask", "original")])
def test_predict_to_standard_output_prints_only_encoded_result(
    output: str, size: Size, predict: Predict, small_model: ModelWrapper
) -> None:
    result = predict(CHELSEA, "--output", output, "--size", size, "-o", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    encoded = small_model.segment(CHELSEA.read_bytes(), encoder(output), Options(size=size))
    assert result.stdout_bytes == encoded.content


def test_predict_without_destination_writes_to_current_folder(predict: Predict, tmp_path: Path) -> None:
    result = predict(CHELSEA, "--output", "map")
    assert (result.exit_code, result.output) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["chelsea.jpg.map.json"]


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
    assert "Error: 1 of 3 photos have no result" in result.stderr
    assert sorted(path.relative_to(out) for path in out.rglob("*.*")) == [
        Path("astronaut.jpg.cutout.png"),
        Path("more/cat.JPG.cutout.png"),
    ]
    with Image.open(out / "astronaut.jpg.cutout.png") as person:
        assert (person.mode, person.size) == ("RGBA", (512, 512))


def test_predict_of_folder_without_photos_names_the_folder_and_what_it_has(predict: Predict, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a photo")
    result = predict(tmp_path)
    assert (result.exit_code, result.output) == (
        2,
        f"Error: there are no photos in {tmp_path}\nError: left out, not photos: {tmp_path}/notes.txt\n",
    )


def test_predict_reports_what_it_leaves_out_and_fails_only_for_photos(predict: Predict, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.jfif", "without_ending", b"gr\xfcn.jpg".decode(errors="surrogateescape")):
        shutil.copy(CHELSEA, photos / name)
    (photos / "._a.jpg").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00")
    (photos / "notes.txt").write_text("BMP is a format")
    shutil.copy(CHELSEA, photos / "b.overlay.png")
    result = predict(photos, "-o", "out/")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"left out, AppleDouble files (macOS metadata): {photos}/._a.jpg",
        f"left out, results of earlier runs: {photos}/b.overlay.png",
        f"left out, not photos: {photos}/notes.txt",
    ]
    assert sorted(os.listdir(b"out")) == [
        b"a.jfif.overlay.png",
        b"gr\xfcn.jpg.overlay.png",
        b"without_ending.overlay.png",
    ]
    (photos / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    result = predict(photos, "-o", "out/")
    assert result.exit_code == 1
    assert f"{photos}/IMG_1.HEIC: HEIC images are not served; send JPEG" in result.stderr
    assert result.stderr.endswith("Error: 1 of 4 photos have no result\n")


@pytest.mark.parametrize(
    ("name", "options", "format_"),
    [("a.JPG", [], "JPEG"), ("a.webp", ["--output", "cutout"], "WEBP"), ("a.PNG", ["--output", "mask"], "PNG")],
)
def test_predict_to_file_writes_the_format_of_its_ending(
    name: str, options: list[str], format_: str, predict: Predict
) -> None:
    result = predict(CHELSEA, "-o", name, *options)
    assert (result.exit_code, result.output) == (0, "")
    with Image.open(name) as picture:
        assert (picture.format, picture.size) == (format_, (451, 300))


def test_predict_passes_options_of_cutout_to_encoder(predict: Predict, small_model: ModelWrapper) -> None:
    options = ["--output", "cutout", "--background", "#00ff00", "--crop", "--alpha", "hard", "--classes", "person"]
    assert predict(ASTRONAUT, "-o", "person.png", *options).exit_code == 0
    encode = partial(encode_cutout, background="#00ff00", blur=0.025, crop=True, alpha="hard")
    expected = small_model.segment(ASTRONAUT.read_bytes(), encode, Options("original", classes=[15]))
    assert Path("person.png").read_bytes() == expected.content


def test_predict_with_file_as_background_passes_it_to_model(predict: Predict, small_model: ModelWrapper) -> None:
    shutil.copy(CHELSEA, "white")  # a name of a background wins
    options = ["--output", "cutout", "--background"]
    assert predict(ASTRONAUT, "-o", "person.png", *options, CHELSEA).exit_code == 0
    background = Options("original", background=CHELSEA.read_bytes())
    expected = small_model.segment(ASTRONAUT.read_bytes(), encoder("cutout"), background)
    assert Path("person.png").read_bytes() == expected.content
    assert predict(ASTRONAUT, "-o", "white.png", *options, "white").exit_code == 0
    white = small_model.segment(ASTRONAUT.read_bytes(), encoder("cutout", {"background": "white"}), Options("original"))
    assert Path("white.png").read_bytes() == white.content


def test_predict_of_several_photos_decodes_the_background_once(
    predict: Predict, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, decoded = DecoderPool.read, list[bytes]()

    def counted(pool: DecoderPool, upload: bytes, **options: Any) -> Any:
        decoded.append(upload)
        return read(pool, upload, **options)

    monkeypatch.setattr(DecoderPool, "read", counted)
    shutil.copy(ASTRONAUT, "beach.jpg")
    shutil.copy(CHELSEA, "cat.jpg")
    options = ["--output", "cutout", "--size", "model", "--background", "beach.jpg", "-o", "out/"]
    assert predict(CHELSEA, "cat.jpg", *options).exit_code == 0
    assert decoded == [ASTRONAUT.read_bytes(), CHELSEA.read_bytes(), CHELSEA.read_bytes()]


@pytest.mark.parametrize(
    ("background", "message"),
    [
        ("beach.jpg", "'beach.jpg' is not allowed, and no file; allowed: transparent, blur, white, #rrggbb, or a"),
        ("notes.txt", "Error: --background: notes.txt: the file is not an image"),
        (".", "Error: --background: .: Is a directory"),
    ],
)
def test_predict_with_unusable_background_ends_before_any_work(
    background: str, message: str, predict: Predict, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("some notes of a holiday")
    result = predict(CHELSEA, "-o", "out/", "--output", "cutout", "--background", background)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_predict_with_second_look_writes_its_labels(predict: Predict, small_model: ModelWrapper) -> None:
    written = []
    for look in get_args(Look):
        assert predict(ASTRONAUT, "--output", "mask", "--look", look, "-o", "mask.png").exit_code == 0
        expected = small_model.segment(ASTRONAUT.read_bytes(), encoder("mask"), Options("original", look=look))
        written.append(Path("mask.png").read_bytes())
        assert written[-1] == expected.content
    assert written[0] != written[1]


def test_predict_with_polygons_writes_them(predict: Predict) -> None:
    result = predict(CHELSEA, "--output", "objects", "--shapes", "polygons", "--tolerance", "5", "-o", "-")
    assert all(found["polygons"] for found in json.loads(result.stdout)["objects"])


def test_predict_with_several_problems_reports_each_before_any_work(predict: Predict, tmp_path: Path) -> None:
    result = predict("missing.jpg", CHELSEA, ASTRONAUT, "--classes", "unicorn", "-o", "one.png")
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert [line.partition("; ")[0] for line in lines] == [
        "Error: missing.jpg does not exist",
        "Error: classes: 'unicorn' is not a class",
        "Error: -o one.png is one file, but there are 2 photos",
    ]
    assert not list(tmp_path.iterdir())


def test_predict_with_unknown_class_leaves_no_folder_behind(predict: Predict, tmp_path: Path) -> None:
    result = predict(CHELSEA, "-o", "out/", "--classes", "unicorn")
    assert result.exit_code == 2
    assert result.output.startswith("Error: classes: 'unicorn' is not a class")
    assert not list(tmp_path.iterdir())


def test_predict_has_no_deadline(predict: Predict, small_model: ModelWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[float] = []

    def create_model(settings: Settings, *_: object) -> ModelWrapper:
        timeouts.append(settings.request_timeout)
        return small_model

    monkeypatch.setattr("commands.predict.create_model", create_model)
    monkeypatch.setenv("REQUEST_TIMEOUT", "1")
    assert predict(CHELSEA).exit_code == 0
    assert timeouts == [math.inf]


def test_predict_of_huge_file_and_of_too_long_name_reports_them_and_segments_the_others(
    predict: Predict, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    long, escape = f"{'a' * 246}.jpg", "\x1b[31m.jpg"
    for name in (long, "b.jpg"):
        shutil.copy(CHELSEA, tmp_path / "in" / name)
    (tmp_path / "in" / escape).write_bytes(b"no photo")
    with (tmp_path / "in" / "huge.jpg").open("wb") as file:
        file.truncate(8 << 30)
    result = predict("in", "-o", "out/")
    assert result.exit_code == 1
    assert "in/huge.jpg: the file is larger than 32 MB" in result.stderr
    assert f"in/{long}: the name is too long for a result; rename the photo" in result.stderr
    assert "in/\\x1b[31m.jpg: the file is not an image" in result.stderr
    assert os.listdir("out") == ["b.jpg.overlay.png"]


def test_predict_of_photo_that_raises_an_unexpected_error_segments_the_others(
    predict: Predict, small_model: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, segment = [CHELSEA.read_bytes(), ASTRONAUT.read_bytes()], small_model.segment

    def failing(data: bytes, *arguments: Any, **options: Any) -> Any:
        if data == photos[0]:
            raise MemoryError
        return segment(data, *arguments, **options)

    monkeypatch.setattr(small_model, "segment", failing)
    result = predict(CHELSEA, ASTRONAUT, "-o", "out/")
    assert result.exit_code == 1
    assert f"{CHELSEA}: there is no memory for it; try again later" in result.stderr
    assert os.listdir("out") == ["astronaut.jpg.overlay.png"]
