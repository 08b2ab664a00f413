"""The SVG has the outlines, colours and names of the classes."""

import re
from xml.etree import ElementTree

import numpy as np
import shapely

from core.output.segmentation import Segmentation
from core.output.vector import svg
from core.types import Prediction, UInt8Array

SPACE = "{http://www.w3.org/2000/svg}"
LABELS = ("background", "cat & <dog>", *(f"class {number}" for number in range(2, 21)))


def document(seg_map: UInt8Array, *, pieces: bool = False) -> ElementTree.Element:
    photo = np.zeros((*seg_map.shape, 3), np.uint8)
    found = Segmentation(seg_map, photo, LABELS, Prediction(seg_map, None, 8), pieces)
    return ElementTree.fromstring(svg(found))  # noqa: S314 (our own document)


def area(path: str) -> float:
    """Return the area inside `path` by the rule evenodd, in pixels."""
    shape: shapely.Geometry = shapely.Polygon()
    for ring in path.removesuffix("Z").split("Z"):
        points = [tuple(map(float, pair.split())) for pair in re.split("[ML]", ring)[1:]]
        shape = shape.symmetric_difference(shapely.Polygon(points))
    return float(shape.area)


def test_svg_has_a_group_for_each_class_with_colour_name_and_outlines() -> None:
    seg_map = np.zeros((60, 90), np.uint8)
    seg_map[10:50, 10:50] = 15
    seg_map[20:40, 20:40] = 0  # a hole
    seg_map[5:15, 60:80] = 1
    root = document(seg_map)
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("90", "60", "0 0 90 60")
    groups = root.findall(f"{SPACE}g")
    assert [group.get("data-class") for group in groups] == ["15", "1"]
    assert [group.get("fill") for group in groups] == ["#c08080", "#800000"]
    assert [group.findtext(f"{SPACE}title") for group in groups] == ["class 15", "cat & <dog>"]
    areas = [area(group.find(f"{SPACE}path").attrib["d"]) for group in groups]  # type: ignore[union-attr]
    assert np.allclose(areas, [40 * 40 - 20 * 20, 10 * 20], rtol=0.1)


def test_svg_with_pieces_has_a_group_for_each() -> None:
    seg_map = np.zeros((60, 90), np.uint8)
    seg_map[10:30, 10:30] = seg_map[10:30, 40:50] = 15
    assert len(document(seg_map).findall(f"{SPACE}g")) == 1
    assert len(document(seg_map, pieces=True).findall(f"{SPACE}g")) == 2


def test_svg_of_a_photo_without_objects_is_empty() -> None:
    assert not document(np.zeros((4, 5), np.uint8)).findall(f"{SPACE}g")
