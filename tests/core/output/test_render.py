"""Pictures and numbers made of a label map: by hand, by brute force, and as pycocotools reads them."""

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from core import render
from core.labels import LABELS
from core.types import UInt8Array

RANDOM = np.random.default_rng(5)


def blobs(height: int, width: int, classes: int = 4) -> UInt8Array:
    """A map of patches, as a model makes them."""
    coarse = RANDOM.integers(0, classes, (height // 7 + 1, width // 5 + 1)).astype(np.uint8)
    return coarse.repeat(7, axis=0).repeat(5, axis=1)[:height, :width]


MAPS = {
    "patches": blobs(61, 83),
    "noise": RANDOM.integers(0, 21, (40, 30)).astype(np.uint8),
    "one class": np.full((9, 7), 3, np.uint8),
    "background": np.zeros((5, 4), np.uint8),
    "one pixel": np.full((1, 1), 8, np.uint8),
    "a row": np.array([[0, 0, 5, 5, 0, 5]], np.uint8),
    "a column": np.array([[5], [0], [5], [5]], np.uint8),
    "corners": np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=255),
    "long runs": np.pad(np.full((900, 3000), 15, np.uint8), ((70, 30), (0, 1))),
}


def test_the_palette_is_pascal_vocs() -> None:
    known = {"background": (0, 0, 0), "aeroplane": (128, 0, 0), "cat": (64, 0, 0), "person": (192, 128, 128)}
    known |= {"tvmonitor": (0, 64, 128), "sofa": (0, 192, 0)}
    for label, colour in known.items():
        assert tuple(render.COLOURS[LABELS.index(label)]) == colour
    assert tuple(render.COLOURS[255]) == (224, 224, 192)  # the outlines in VOC's own masks
    assert len({tuple(colour) for colour in render.COLOURS}) == 256


def test_the_palette_is_that_of_vocs_own_masks(voc: object) -> None:
    with Image.open(next(iter(sorted((voc / "SegmentationClass").glob("*.png"))))) as mask:  # type: ignore[operator]
        assert bytes(mask.getpalette() or []) == render.COLOURS.tobytes()


@pytest.mark.parametrize("name", MAPS)
def test_a_masks_pixels_are_the_class_ids(name: str) -> None:
    mask = render.mask(MAPS[name])
    assert mask.mode == "P"
    assert np.array_equal(np.asarray(mask), MAPS[name])
    assert np.array_equal(np.asarray(mask.convert("RGB")), render.COLOURS[MAPS[name]])


def test_an_overlay_tints_the_classes_and_leaves_the_background() -> None:
    seg_map = MAPS["patches"]
    photo = RANDOM.integers(0, 256, (*seg_map.shape, 3)).astype(np.uint8)
    result = np.asarray(render.overlay(Image.fromarray(photo), seg_map)).astype(int)
    assert np.array_equal(result[seg_map == 0], photo[seg_map == 0])
    tinted = (photo.astype(int) + render.COLOURS[seg_map]) / 2
    assert np.abs(result - tinted)[seg_map != 0].max() <= 1


def test_a_cutout_keeps_the_photo_and_fades_at_the_edge() -> None:
    seg_map = np.zeros((60, 80), np.uint8)
    seg_map[20:40, 30:60] = 15
    photo = RANDOM.integers(0, 256, (60, 80, 3)).astype(np.uint8)
    result = np.asarray(render.cutout(Image.fromarray(photo), seg_map))
    assert np.array_equal(result[..., :3], photo)
    alpha = result[..., 3]
    assert (alpha[21:39, 31:59] == 255).all()
    assert (alpha[:19] == 0).all()
    assert alpha[30, 28:32].tolist() == [0, 85, 170, 255]


@pytest.mark.parametrize("name", MAPS)
def test_areas_agree_with_the_map_and_with_pycocotools(name: str) -> None:
    seg_map = MAPS[name]
    areas = render.areas(seg_map)
    assert {area.class_id for area in areas} == set(np.unique(seg_map).tolist()) - {0}
    assert [area.pixels for area in areas] == sorted((area.pixels for area in areas), reverse=True)
    for area in areas:
        where = seg_map == area.class_id
        rle = coco.encode(np.asfortranarray(where.astype(np.uint8)))
        assert area.counts == rle["counts"]
        assert np.array_equal(coco.decode({"size": list(seg_map.shape), "counts": area.counts}), where)
        assert area.pixels == where.sum() == coco.area(rle)
        ys, xs = np.nonzero(where)
        assert list(area.bbox) == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        assert list(area.bbox) == coco.toBbox(rle).tolist()
