"""Scores and confidence: probabilities of the model."""

import numpy as np
import pytest

from core.errors import InvalidRequest
from core.output.confidence import confidence, probabilities, scores
from core.types import Prediction

LOGITS = np.log(np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.7, 0.3]]], np.float32))


def test_probabilities_are_the_softmax_of_logits() -> None:
    assert np.allclose(probabilities(LOGITS + 5), np.exp(LOGITS))


def test_scores_are_mean_probabilities_where_a_class_is_best() -> None:
    assert scores(LOGITS) == {0: 0.7333, 1: 0.8}


def test_confidence_is_the_largest_probability_at_each_pixel() -> None:
    grey = confidence(Prediction(np.zeros((9, 9), np.uint8), LOGITS, 8), (90, 45))
    assert grey.shape == (45, 90)
    assert grey.dtype == np.uint8
    assert [int(grey[y, x]) for y in (0, -1) for x in (0, -1)] == pytest.approx(
        [255 * value for value in (0.9, 0.8, 0.6, 0.7)], abs=25
    )


def test_confidence_without_logits_raises_invalid_request() -> None:
    with pytest.raises(InvalidRequest, match="hides its logits"):
        confidence(Prediction(np.zeros((2, 2), np.uint8), None, 1), (2, 2))
