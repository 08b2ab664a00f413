"""The scores of photos that the weights have never seen, and the folders and masks that are read."""

from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from PIL import Image

from benchmarks.accuracy.judge import BAND, accuracy, confusion, gain, interval, mean_iou, near_edges
from benchmarks.accuracy.unseen import EDGES, NEAR, WHOLE, judged, lines, read_mask, read_pairs
from core.evaluation import VOID
from core.model import ModelWrapper
from core.output.encode import Encoded, encode_cutout
from core.output.segmentation import Segmentation
from core.types import Options
from tests.support.paths import ASTRONAUT, CHELSEA

PERSON = 15


def test_mean_iou_is_over_the_classes_of_the_truth() -> None:
    truth = np.array([[0, 0, 0, 0], [2, 2, 2, VOID]], np.uint8)
    found = np.array([[0, 0, 1, 2], [2, 2, 0, 1]], np.uint8)
    total = confusion(truth, found, 3)
    assert total.sum() == 7
    # Background 2 of 5, class 2 2 of 4; class 1 is in no mask.
    assert mean_iou(total) == pytest.approx(100 * (2 / 5 + 2 / 4) / 2)
    assert accuracy(total) == pytest.approx(100 * 4 / 7)


def test_near_edges_keeps_the_pixels_on_both_sides() -> None:
    truth = np.zeros((20, 40), np.uint8)
    truth[:, 20:] = PERSON
    scored = (near_edges(truth) != VOID).any(axis=0)
    assert np.flatnonzero(scored).tolist() == list(range(20 - BAND, 20 + BAND))


def test_interval_holds_the_score_and_is_narrow_for_equal_photos() -> None:
    random = np.random.default_rng(1)
    pairs = random.integers(0, 2, (12, 2, 9, 9)).astype(np.uint8)
    photos = [confusion(truth, found, 2) for truth, found in pairs]
    low, high = interval(mean_iou, photos)
    assert low < mean_iou(np.sum(photos, axis=0)) < high
    assert interval(mean_iou, photos[:1] * 5) == pytest.approx([mean_iou(photos[0])] * 2)


def test_gain_is_that_of_the_second_method_on_the_same_photos() -> None:
    worse, better = np.array([[8, 2], [2, 8]]), np.array([[9, 1], [1, 9]])
    low, high = interval(gain(accuracy), [worse] * 4, [better] * 4)
    assert (low, high) == pytest.approx((10, 10))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the cat, without its mask."""
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(CHELSEA.read_bytes())
    return tmp_path


def test_photo_without_mask_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match="cat is in one of photos/ and masks/ only"):
        list(read_pairs(folder))


@pytest.mark.parametrize(("mode", "class_"), [("RGB", None), ("RGB", PERSON), ("P", PERSON), ("RGBA", None)])
def test_mask_of_another_kind_is_named(tmp_path: Path, mode: str, class_: int | None) -> None:
    Image.new(mode, (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=f"a.png: its mode is {mode}; needed: "):
        read_mask(tmp_path / "a.png", class_)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (Image.new("L", (451, 301)), r"\(451, 301\) pixels, but"),
        (Image.new("L", (451, 300), 99), "the class 99; the model has 0 to 20"),
    ],
)
def test_mask_that_does_not_fit_is_named(app: Flask, folder: Path, mask: Image.Image, message: str) -> None:
    mask.save(folder / "masks" / "cat.png")
    with pytest.raises(ValueError, match=message):
        judged(folder, app.extensions["model"], None)


def test_cut_out_of_the_model_itself_is_scored_as_right(app: Flask, folder: Path) -> None:
    model: ModelWrapper = app.extensions["model"]
    (folder / "photos" / "cat.jpg").rename(folder / "photos" / "person.jpg").write_bytes(ASTRONAUT.read_bytes())
    options = Options("original", classes=[PERSON])

    def cut(segmentation: Segmentation) -> Encoded:
        return encode_cutout(segmentation, alpha="hard", background="transparent", blur=0, crop=False)

    (folder / "masks" / "person.png").write_bytes(model.segment(ASTRONAUT.read_bytes(), cut, options).content)
    result = judged(folder, model, PERSON)
    assert mean_iou(result["photo", WHOLE][0]) == 100
    assert 90 < mean_iou(result["model", WHOLE][0]) < 100
    assert accuracy(result["model", NEAR][0]) < accuracy(result["photo", NEAR][0]) == 100
    table = list(lines(result))
    assert [line.split(" | ")[0] for line in table[2:]] == [*(f"| {edges}" for edges in EDGES), "| gain by photo"]
    assert "| photo | 100.0 [100.0, 100.0] | 100.0 | 100.0 [100.0, 100.0] |" in table
