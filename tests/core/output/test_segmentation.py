"""Label maps at the size of the photo, and the selection of classes."""

import numpy as np

from core.labels import LABELS
from core.output.segmentation import Segmentation, enlarged, width_height
from core.types import Prediction

NO_IMAGE = np.zeros((0, 0, 3), np.uint8)
PREDICTION = Prediction(np.array([[0, 8, 15]], np.uint8), None, 1)


def segmentation() -> Segmentation:
    return Segmentation(np.array([[0, 8, 15]], np.uint8), np.zeros((1, 3, 3), np.uint8), LABELS, PREDICTION)


def test_keep_classes_replaces_other_classes_by_background() -> None:
    assert segmentation().keep_classes({8}).seg_map.tolist() == [[0, 8, 0]]


def test_keep_classes_leaves_the_segmentation_unchanged() -> None:
    before = segmentation()
    before.keep_classes({8})
    assert before.seg_map.tolist() == [[0, 8, 15]]


def test_keep_classes_keeps_photo_and_labels() -> None:
    before = segmentation()
    after = before.keep_classes({8})
    assert after.photo is before.photo
    assert after.labels == before.labels


def test_width_height_of_label_map() -> None:
    assert width_height(np.zeros((2, 3), np.uint8)) == (3, 2)


def test_enlarged_without_logits_repeats_labels() -> None:
    prediction = Prediction(np.array([[1, 2], [3, 4]], np.uint8), None, 1)
    assert enlarged(prediction, NO_IMAGE, np.zeros((2, 4, 3), np.uint8), "model").tolist() == [
        [1, 1, 2, 2],
        [3, 3, 4, 4],
    ]


def test_enlarged_with_logits_interpolates_between_labels() -> None:
    # Class 1 wins by 3 on the left and class 0 by 1 on the right: the edge lies at three quarters of the way.
    logits = np.array([[[0, 3], [1, 0]]], np.float32)
    prediction = Prediction(np.array([[1, 0]], np.uint8), logits, 1)
    seg_map = enlarged(prediction, NO_IMAGE, np.zeros((1, 16, 3), np.uint8), "model")
    assert seg_map.shape == (1, 16)
    # The centre of pixel x is at (x + 0.5) / 8 - 0.5: below 0.75 up to x = 9.
    assert seg_map[0].tolist() == [1] * 10 + [0] * 6
