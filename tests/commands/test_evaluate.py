"""`cli.py evaluate`: its table, and its errors."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from cli import cli
from tests.support.paths import ASTRONAUT, CHELSEA


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample photos in PASCAL VOC's layout, with masks of one class each."""
    for name in ("JPEGImages", "SegmentationClass"):
        (tmp_path / name).mkdir()
    for photo, class_ in ((ASTRONAUT, 15), (CHELSEA, 8)):
        (tmp_path / "JPEGImages" / photo.name).write_bytes(photo.read_bytes())
        with Image.open(photo) as image:
            Image.new("L", image.size, class_).save(tmp_path / "SegmentationClass" / f"{photo.stem}.png")
    (tmp_path / "val.txt").write_text("astronaut\nchelsea\n")
    return tmp_path


def test_evaluate_against_stock_graph_prints_both_scores(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["evaluate", str(folder), "--against", "stock"], env={"CANVAS": "fixed"})
    assert result.exit_code == 0, result.output
    rows = {line.rsplit(None, 2)[0]: line.split()[-2:] for line in result.stdout.splitlines() if line}
    assert float(rows["cat"][0]) > 70
    assert float(rows["person"][0]) > 40
    assert rows["mean IoU"][0] == rows["mean IoU"][1]
    assert "pixels (0.00" in result.stdout


def test_evaluate_of_folder_without_list_names_the_missing_files(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["evaluate", str(tmp_path)])
    assert result.exit_code == 1
    assert "neither val.txt" in result.stderr


def test_evaluate_of_damaged_photo_names_it(folder: Path) -> None:
    photo = folder / "JPEGImages" / "chelsea.jpg"
    photo.write_bytes(CHELSEA.read_bytes()[:5000])
    result = CliRunner().invoke(cli, ["evaluate", str(folder)], env={"IMAGE_SIZE": "65"})
    assert result.exit_code == 1
    assert f"Error: {photo}: the image is truncated or damaged" in result.stderr
