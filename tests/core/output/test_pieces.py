"""Pieces are connected regions of a class, each with its own area, score and shape."""

import numpy as np
import pytest
from pycocotools import mask as coco

from core.errors import InvalidRequest
from core.output.class_masks import encode_class_masks
from core.output.objects import instances, objects
from core.output.pieces import MAX_PIECES, Pieces, without_small
from core.output.segmentation import Segmentation
from core.types import Prediction, UInt8Array

LABELS = tuple("abcd")


def segmented(seg_map: UInt8Array) -> Segmentation:
    """Return the segmentation of `seg_map`, with logits at every 8th pixel that are surer at the right."""
    logits = np.zeros((-(-seg_map.shape[0] // 8), -(-seg_map.shape[1] // 8), 4), np.float32)
    rows, columns = np.indices(logits.shape[:2])
    logits[rows, columns, seg_map[::8, ::8]] = 2 + columns
    photo = np.zeros((*seg_map.shape, 3), np.uint8)
    return Segmentation(seg_map, photo, LABELS, Prediction(seg_map, logits, 8), pieces=True)


def two_and_one() -> UInt8Array:
    """Return a map with two pieces of class 2, which touch at a corner alone, and one of class 3 beside them."""
    seg_map = np.zeros((64, 64), np.uint8)
    seg_map[8:20, 8:20] = seg_map[20:48, 20:30] = 2
    seg_map[20:48, 30:62] = 3
    return seg_map


def test_objects_with_pieces_are_the_connected_regions() -> None:
    seg_map = two_and_one()
    found = objects(segmented(seg_map), tolerance=0)
    assert [(item["label"], item["pixels"], item["bbox"]) for item in found] == [
        ("d", 28 * 32, (30, 20, 32, 28)),
        ("c", 28 * 10, (20, 20, 10, 28)),
        ("c", 12 * 12, (8, 8, 12, 12)),
    ]
    pixels = [coco.decode(item["rle"]).astype(bool) for item in found]
    assert np.array_equal(sum(item["id"] * mask for item, mask in zip(found, pixels, strict=True)), seg_map)
    assert [len(item["polygons"]) for item in found] == [1, 1, 1]


def test_score_of_a_piece_is_that_of_its_own_logits() -> None:
    scores = [item["score"] for item in objects(segmented(two_and_one()))]
    assert scores[0] > scores[1] > scores[2] > 0.5


def test_score_of_a_piece_between_logits_is_its_probability_nearby() -> None:
    seg_map = np.zeros((64, 64), np.uint8)
    seg_map[10:13, 10:13] = 2
    [found] = objects(segmented(seg_map))
    assert 0 < found["score"] < 0.1


def test_coco_with_pieces_has_an_annotation_for_each() -> None:
    annotations = instances(segmented(two_and_one()))["annotations"]
    assert [item["category_id"] for item in annotations] == [3, 2, 2]


def test_class_masks_with_pieces_have_one_for_each_without_background() -> None:
    content = encode_class_masks(segmented(two_and_one())).content
    assert content.count(b'"label":"c"') == 2
    assert content.count(b'"label":"a"') == 0


def test_too_many_pieces_are_refused_with_number_limit_and_fix() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.uint8)
    with pytest.raises(InvalidRequest, match=f"2,048.*{MAX_PIECES:,}.*min_area"):
        Pieces(checks)


def test_without_small_keeps_pieces_of_at_least_the_share() -> None:
    seg_map = two_and_one()
    expected = np.where(seg_map == 3, seg_map, 0)
    assert np.array_equal(without_small(seg_map, 28 * 32 / 4096), expected)
    assert np.array_equal(without_small(seg_map, 0), seg_map)
    assert not without_small(seg_map, 1).any()
