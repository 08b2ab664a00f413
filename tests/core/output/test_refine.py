"""Refined label maps follow the colours of the photo and lose no class."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from core.errors import InvalidRequest
from core.output import guided_filter, tiles
from core.output.refine import refined_labels
from core.output.upsample import upsampled_labels
from core.types import Prediction, UInt8Array

STRIDE = 8
RANDOM = np.random.default_rng(3)


def scene(size: tuple[int, int] = (256, 192), noise: int = 6) -> tuple[UInt8Array, UInt8Array]:
    """Return a photo of a red disc with a thin red bar on green, and its true labels: 15 for red."""
    labels = Image.new("L", size)
    draw = ImageDraw.Draw(labels)
    width, height = size
    draw.ellipse((width * 0.2, height * 0.2, width * 0.6, height * 0.8), 15)
    draw.rectangle((width * 0.5, height * 0.45, width * 0.9, height * 0.55), 15)
    truth = np.asarray(labels)
    photo = np.where(truth[..., np.newaxis] == 15, (190, 40, 40), (40, 150, 60)) + RANDOM.normal(
        0, noise, (*truth.shape, 3)
    )
    return photo.clip(0, 255).astype(np.uint8), truth


def blurred_prediction(truth: UInt8Array) -> Prediction:
    """Return the prediction of a model that knows `truth` at every STRIDE-th pixel, blurred over three of them."""
    mask = Image.fromarray((truth == 15) * np.uint8(255))
    rows, columns = (-(-side // STRIDE) for side in truth.shape)
    small = np.asarray(mask.resize((columns, rows), Image.Resampling.BOX)).astype(np.float32) / 255
    padded = np.pad(small, 1, mode="edge")
    mean = sum(padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)) / 9
    logits = np.full((rows, columns, 21), -9, np.float32)
    logits[..., 15], logits[..., 0] = 8 * mean - 4, 4 - 8 * mean
    return Prediction(upsampled_labels(logits, STRIDE, truth.shape, truth.shape), logits, STRIDE)


def wrong(labels: UInt8Array, truth: UInt8Array) -> float:
    return float((labels != truth).mean())


def test_refined_labels_follow_the_photo() -> None:
    photo, truth = scene()
    prediction = blurred_prediction(truth)
    refined = refined_labels(prediction, photo, photo)
    assert refined.dtype == np.uint8
    assert wrong(refined, truth) < 0.005
    assert wrong(refined, truth) < 0.2 * wrong(prediction.seg_map, truth)


@pytest.mark.parametrize("factor", [0.4, 1, 3.3])
def test_refined_labels_have_the_size_of_the_photo(factor: float) -> None:
    photo, truth = scene()
    size = round(256 * factor), round(192 * factor)
    resized = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    expected = np.asarray(Image.fromarray(truth).resize(size, Image.Resampling.NEAREST))
    refined = refined_labels(blurred_prediction(truth), photo, resized)
    assert refined.shape == expected.shape
    assert wrong(refined, expected) < 0.02


def test_refined_labels_of_one_class_are_that_class() -> None:
    logits = np.zeros((4, 5, 21), np.float32)
    logits[..., 7] = 1
    photo = np.zeros((30, 40, 3), np.uint8)
    assert (refined_labels(Prediction(np.full((30, 40), 7, np.uint8), logits, STRIDE), photo, photo) == 7).all()


def test_refined_labels_keep_a_class_of_few_cells() -> None:
    photo, truth = scene()
    prediction = blurred_prediction(truth)
    assert prediction.logits is not None
    prediction.logits[2:4, 2:4, 3] = 9
    unrefined = upsampled_labels(prediction.logits, STRIDE, truth.shape, truth.shape)
    assert (unrefined == 3).any()
    assert (refined_labels(prediction, photo, photo) == 3).sum() >= 0.5 * (unrefined == 3).sum()


def test_refined_labels_have_no_class_that_the_model_did_not_find() -> None:
    photo, truth = scene(noise=60)
    refined = refined_labels(blurred_prediction(truth), photo, photo)
    assert set(np.unique(refined)) <= {0, 15}


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (9, 9)])
def test_refined_labels_of_tiny_photo_have_its_size(shape: tuple[int, int]) -> None:
    logits = RANDOM.normal(0, 3, (-(-shape[0] // STRIDE) + 1, -(-shape[1] // STRIDE) + 1, 21)).astype(np.float32)
    photo = RANDOM.integers(0, 256, (*shape, 3)).astype(np.uint8)
    prediction = Prediction(np.zeros(shape, np.uint8), logits, STRIDE)
    assert refined_labels(prediction, photo, photo).shape == shape


def test_refined_labels_without_logits_raise_invalid_request() -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(InvalidRequest, match="hides its logits"):
        refined_labels(Prediction(np.zeros((8, 8), np.uint8), None, 1), photo, photo)


def test_refined_labels_in_small_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, truth = scene()
    prediction = blurred_prediction(truth)
    expected = refined_labels(prediction, photo, photo)
    monkeypatch.setattr(tiles, "BLOCK_SIDE", 50)
    monkeypatch.setattr(guided_filter, "PIXELS", 200)
    # BLAS can round the sums of other shapes differently.
    assert wrong(refined_labels(prediction, photo, photo), expected) < 1e-4
