"""Refined labels have no regions that the model has not seen."""

import numpy as np
import pytest

from core.output import specks
from core.output.refine import refined_labels
from core.output.regions import regions
from core.output.specks import without_specks
from core.types import Prediction, UInt8Array

STRIDE, SIZE = 8, (256, 256)  # height and width of the model's input: one logit is enough
PHOTO = (512, 512)
RANDOM = np.random.default_rng(3)


def prediction(*seen: tuple[slice, slice]) -> Prediction:
    """Return the prediction of a model that sees class 15 at the logits `seen`, and background elsewhere."""
    logits = np.zeros((33, 33, 21), np.float32)
    logits[..., 0] = 5
    for rows, columns in seen:
        logits[rows, columns, 15] = 9
    return Prediction(np.zeros(SIZE, np.uint8), logits, STRIDE)


def test_region_that_the_model_has_seen_stays() -> None:
    labels = np.zeros(PHOTO, np.uint8)
    labels[100:200, 100:200] = 15
    found = prediction((slice(8, 11), slice(8, 11)))
    assert np.array_equal(without_specks(labels.copy(), found, SIZE), labels)


def test_region_that_the_model_has_not_seen_gets_the_label_beside_it() -> None:
    truth = np.zeros(PHOTO, np.uint8)
    truth[100:300, 100:300] = 15
    labels = truth.copy()
    labels[400:440, 400:440] = 15  # a speck
    labels[0, 0] = 15  # in the corner
    labels[150:180, 150:180] = 0  # a hole
    labels[200:240, 200:240] = 8  # a wrong class,
    labels[210:220, 210:220] = 0  # with a hole of its own
    found = prediction((slice(7, 19), slice(7, 19)))
    assert np.array_equal(without_specks(labels, found, SIZE), truth)


def test_region_smaller_than_a_logit_is_removed_though_the_model_sees_it() -> None:
    labels = np.zeros(PHOTO, np.uint8)
    labels[160:164, 160:164] = 15
    found = prediction((slice(10, 11), slice(10, 11)))
    assert not without_specks(labels, found, SIZE).any()


def test_labels_without_any_region_that_the_model_has_seen_stay() -> None:
    labels = np.full(PHOTO, 15, np.uint8)
    assert without_specks(labels, prediction(), SIZE).all()


def test_labels_that_are_noise_become_those_of_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specks, "MAX_RUNS", 100)
    labels = (RANDOM.integers(0, 2, PHOTO) * 15).astype(np.uint8)
    found = regions(without_specks(labels, prediction((slice(8, 20), slice(8, 20))), SIZE))
    assert found.classes.tolist() == [0, 15]


def noisy_disc(sigma: float) -> tuple[UInt8Array, Prediction]:
    """Return a photo of a disc, barely brighter than what is behind it, with noise, and its prediction."""
    rows, columns = np.indices(PHOTO)
    inside = np.hypot(rows - 256, columns - 256) < 150
    photo = np.where(inside, 140, 120)[..., np.newaxis] + RANDOM.normal(0, sigma, (*PHOTO, 3))
    logits = np.zeros((33, 33, 21), np.float32)
    logits[..., 0] = 2
    distance = np.hypot(*(np.indices((33, 33)) * 16 - 256))
    logits[..., 15] = np.clip(2 + (150 - distance) / 40, 0, 4)
    return photo.clip(0, 255).astype(np.uint8), Prediction(np.zeros(SIZE, np.uint8), logits, STRIDE)


def test_photo_with_strong_noise_has_no_small_region(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, found = noisy_disc(30)
    image = photo.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    clean = regions(refined_labels(found, image, photo))
    assert clean.pixels.min() >= 100
    monkeypatch.setattr("core.output.refine.without_specks", lambda labels, *_: labels)
    assert len(regions(refined_labels(found, image, photo)).first) > 3 * len(clean.first)
