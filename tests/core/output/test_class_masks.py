"""A picture for each class, in the form of Hugging Face's task image segmentation."""

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from PIL import Image

from core.errors import InvalidRequest
from core.labels import LABELS
from core.output.class_masks import encode_class_masks
from core.output.segmentation import Segmentation
from core.types import Prediction, UInt8Array

# Two rows of background, for certain, above two rows of people, with a probability of 0.75.
SEG_MAP: UInt8Array = np.repeat([[0], [0], [15], [15]], 6, axis=1).astype(np.uint8)
LOGITS = np.full((4, 6, 21), -100, np.float32)
LOGITS[:2, :, 0] = 0
LOGITS[2:, :, [0, 15]] = np.log([0.25, 0.75])
SEGMENTATION = Segmentation(SEG_MAP, np.zeros((4, 6, 3), np.uint8), LABELS, Prediction(SEG_MAP, LOGITS, 1))
HIDDEN = replace(SEGMENTATION, prediction=Prediction(SEG_MAP, None, 1))


def masks_of(segmentation: Segmentation, **options: float) -> tuple[list[dict[str, Any]], dict[str, UInt8Array]]:
    """Return the objects in the JSON, and the pixels of each mask by label."""
    encoded = encode_class_masks(segmentation, **options)
    assert encoded.mimetype == "application/json"
    found = orjson.loads(encoded.content)
    pictures = {one["label"]: Image.open(io.BytesIO(base64.b64decode(one["mask"]))) for one in found}
    assert {(picture.format, picture.mode) for picture in pictures.values()} == {("PNG", "L")}
    return found, {label: np.asarray(picture) for label, picture in pictures.items()}


def test_class_masks_are_white_at_pixels_of_their_class() -> None:
    found, masks = masks_of(SEGMENTATION)
    assert [(one["label"], round(one["score"], 2)) for one in found] == [("background", 1.0), ("person", 0.75)]
    assert np.array_equal(masks["background"], (SEG_MAP == 0) * 255)
    assert np.array_equal(masks["person"], (SEG_MAP == 15) * 255)


def test_class_masks_with_threshold_leave_out_unsure_pixels() -> None:
    _, masks = masks_of(SEGMENTATION, threshold=0.9)
    assert not masks["person"].any()
    assert masks["background"][0].all()


def test_class_masks_of_hidden_logits_have_no_scores_and_no_threshold() -> None:
    found, _ = masks_of(HIDDEN)
    assert [one["score"] for one in found] == [None, None]
    found, _ = masks_of(replace(HIDDEN, pieces=True))
    assert {one["score"] for one in found} == {None}
    with pytest.raises(InvalidRequest, match=r"hides its logits, .+ and mask_threshold need"):
        encode_class_masks(HIDDEN, threshold=0.5)
