"""Areas of label maps against NumPy and pycocotools."""

import numpy as np
import pytest
from pycocotools import mask as coco

from core.output import run_length
from core.output.run_length import areas
from tests.support.label_maps import LABEL_MAPS


@pytest.mark.parametrize("name", LABEL_MAPS)
def test_areas_are_those_of_all_classes_but_background(name: str) -> None:
    seg_map = LABEL_MAPS[name]
    assert {area.class_id for area in areas(seg_map)} == set(np.unique(seg_map).tolist()) - {0}


@pytest.mark.parametrize("name", LABEL_MAPS)
def test_areas_are_sorted_by_size_and_class_id(name: str) -> None:
    order = [(-area.pixels, area.class_id) for area in areas(LABEL_MAPS[name])]
    assert order == sorted(order)


@pytest.mark.parametrize("name", LABEL_MAPS)
def test_area_has_pixels_and_bounding_box_of_label_map(name: str) -> None:
    seg_map = LABEL_MAPS[name]
    for area in areas(seg_map):
        ys, xs = np.nonzero(seg_map == area.class_id)
        assert area.pixels == len(xs)
        assert list(area.bbox) == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]


@pytest.mark.parametrize("name", LABEL_MAPS)
def test_area_equals_pycocotools(name: str) -> None:
    seg_map = LABEL_MAPS[name]
    for area in areas(seg_map):
        inside = seg_map == area.class_id
        rle = coco.encode(np.asfortranarray(inside.astype(np.uint8)))
        assert area.counts == rle["counts"]
        assert area.pixels == coco.area(rle)
        assert list(area.bbox) == coco.toBbox(rle).tolist()
        assert np.array_equal(coco.decode({"size": list(seg_map.shape), "counts": area.counts}), inside)


@pytest.mark.parametrize("pixels", [1, 7, 64])
@pytest.mark.parametrize("name", [name for name in LABEL_MAPS if name != "long runs"])
def test_areas_do_not_depend_on_the_pieces(name: str, pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = areas(LABEL_MAPS[name])
    monkeypatch.setattr(run_length, "PIXELS", pixels)
    assert areas(LABEL_MAPS[name]) == expected
