"""Mean IoU by hand, and the command that measures it."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cli import cli
from core.evaluation import VOID, Accuracy, read_voc
from tests.support.paths import ASTRONAUT, CHELSEA


def test_iou_counts_what_is_known() -> None:
    accuracy = Accuracy(4)
    truth = np.array([[0, 0, 1, 1], [0, 2, 1, VOID]], np.uint8)
    found = np.array([[0, 1, 1, 1], [0, 2, 0, 3]], np.uint8)
    accuracy.add(truth, found)
    # background: 2 of 4, class 1: 2 of 4, class 2: 1 of 1, class 3: only where nothing is known
    np.testing.assert_allclose(accuracy.iou, [0.5, 0.5, 1, np.nan])
    assert accuracy.mean_iou == pytest.approx(2 / 3)
    assert accuracy.pixel_accuracy == pytest.approx(5 / 7)


def test_maps_are_enlarged_by_nearest_neighbour() -> None:
    accuracy = Accuracy(2)
    accuracy.add(np.repeat([[0, 1]], 4, axis=1).astype(np.uint8), np.array([[0, 1]], np.uint8))
    assert accuracy.mean_iou == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """VOC's layout, with the sample photos and masks of one class each."""
    for name in ("JPEGImages", "SegmentationClass"):
        (tmp_path / name).mkdir()
    for photo, class_ in ((ASTRONAUT, 15), (CHELSEA, 8)):
        (tmp_path / "JPEGImages" / photo.name).write_bytes(photo.read_bytes())
        with Image.open(photo) as image:
            Image.new("L", image.size, class_).save(tmp_path / "SegmentationClass" / f"{photo.stem}.png")
    (tmp_path / "val.txt").write_text("astronaut\nchelsea\n")
    return tmp_path


def test_reading_vocs_layout(folder: Path) -> None:
    assert [photo.stem for photo, _ in read_voc(folder)] == ["astronaut", "chelsea"]
    assert [mask.name for _, mask in read_voc(folder, every=2)] == ["astronaut.png"]
    (folder / "ImageSets" / "Segmentation").mkdir(parents=True)
    (folder / "val.txt").rename(folder / "ImageSets" / "Segmentation" / "val.txt")
    assert len(read_voc(folder)) == 2
    with pytest.raises(FileNotFoundError, match=r"neither val\.txt nor"):
        read_voc(folder / "JPEGImages")


def test_evaluate_prints_a_table_beside_the_stock_graph(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["evaluate", str(folder), "--against", "stock"], env={"CANVAS": "fixed"})
    assert result.exit_code == 0, result.output
    rows = {line.rsplit(None, 2)[0]: line.split()[-2:] for line in result.stdout.splitlines() if line}
    assert float(rows["cat"][0]) > 70
    assert float(rows["person"][0]) > 40
    assert rows["mean IoU"][0] == rows["mean IoU"][1]
    assert "pixels (0.00" in result.stdout


def test_evaluate_says_what_is_wrong(tmp_path: Path) -> None:
    assert "neither val.txt" in CliRunner().invoke(cli, ["evaluate", str(tmp_path)]).stderr
    bad = CliRunner().invoke(cli, ["evaluate", str(tmp_path)], env={"IMAGE_SIZE": "5"})
    assert bad.exit_code == 1
    assert "IMAGE_SIZE='5' can't be used" in bad.stderr
