"""Polygons of label maps: valid, closed, with holes, and near the pixels."""

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from PIL import Image, ImageDraw

from core.errors import InvalidRequest
from core.output import polygons as module
from core.output.outlines import count_points, outlines
from core.output.polygons import polygons
from core.types import UInt8Array
from tests.support.label_maps import LABEL_MAPS

RANDOM = np.random.default_rng(5)


def shapes(seg_map: UInt8Array, tolerance: float) -> list[shapely.Polygon]:
    """Return the polygons of the only class in `seg_map`."""
    [found] = polygons(seg_map, tolerance).values()
    assert all((ring[0] == ring[-1]).all() for rings in found for ring in rings)
    return [shapely.Polygon(rings[0], rings[1:]) for rings in found]


def blobs() -> UInt8Array:
    """Return a label map with random smooth shapes, holes and specks of class 8."""
    noise = Image.fromarray(RANDOM.integers(0, 256, (20, 30)).astype(np.uint8)).resize((300, 200))
    return (np.asarray(noise) > 140).astype(np.uint8) * 8


def drawn(found: list[shapely.Polygon], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the pixels whose centres are in `found`."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return np.asarray(shapely.contains_xy(shapely.MultiPolygon(found), x, y))


def test_polygons_of_rectangle_are_its_outline() -> None:
    seg_map = np.zeros((20, 30), np.uint8)
    seg_map[2:10, 5:25] = 15
    [shape] = shapes(seg_map, 0)
    assert shape.bounds == (5, 2, 25, 10)
    assert shape.area == pytest.approx(160, abs=1)


def test_polygons_at_the_border_and_of_one_pixel_are_inside_the_picture() -> None:
    for where in ((slice(None), slice(None)), (0, 0), (19, 29)):
        seg_map = np.zeros((20, 30), np.uint8)
        seg_map[where] = 1
        [shape] = shapes(seg_map, 0)
        assert shape.is_valid
        assert shapely.box(0, 0, 30, 20).covers(shape)


def test_polygons_have_holes_and_parts() -> None:
    seg_map = np.zeros((40, 40), np.uint8)
    seg_map[2:20, 2:20] = 3
    seg_map[8:12, 8:12] = 0
    seg_map[30:35, 30:35] = 3
    large, small = shapes(seg_map, 0)
    assert (len(large.interiors), len(small.interiors)) == (1, 0)
    assert not large.contains(shapely.Point(10, 10))


@pytest.mark.parametrize("tolerance", [0.0, 0.5, 1.0, 3.0, 20.0])
def test_polygons_of_random_shapes_are_valid_and_within_tolerance(tolerance: float) -> None:
    seg_map = blobs()
    exact, simplified = shapes(seg_map, 0), shapes(seg_map, tolerance)
    assert all(shape.is_valid for shape in simplified)
    assert len(simplified) == len(exact)
    for before, after in zip(exact, simplified, strict=True):
        if before.is_valid and after.area:
            assert shapely.hausdorff_distance(before.exterior, after.exterior) <= tolerance + 1e-6
    if tolerance == 0:
        assert (drawn(exact, (200, 300)) == (seg_map != 0)).mean() > 0.999


def test_simplified_polygons_have_fewer_points() -> None:
    seg_map = Image.new("L", (400, 400))
    ImageDraw.Draw(seg_map).ellipse((50, 80, 350, 320), 7)
    [exact], [simplified] = (shapes(np.asarray(seg_map), tolerance) for tolerance in (0, 1))
    assert shapely.get_num_coordinates(simplified) < shapely.get_num_coordinates(exact) / 3


@pytest.mark.parametrize("name", ["patches", "noise"])
def test_polygons_of_each_class_hold_its_pixels(name: str) -> None:
    seg_map = LABEL_MAPS[name]
    found = polygons(seg_map, 0)
    assert set(found) == set(np.unique(seg_map).tolist()) - {0}
    for class_, rings in found.items():
        parts = [shapely.Polygon(outer, holes) for outer, *holes in rings]
        assert shapely.is_valid(parts).all()
        assert np.array_equal(drawn(parts, seg_map.shape), seg_map == class_)


def test_polygons_of_pixels_that_touch_at_a_corner_are_apart() -> None:
    assert len(shapes(np.array([[1, 0], [0, 1]], np.uint8), 0)) == 2
    # The pixel in the middle is connected to the outside.
    [shape] = shapes(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.uint8), 0)
    assert not shape.interiors


def test_polygons_with_a_hole_beside_a_hole_and_an_island_in_it() -> None:
    seg_map = np.ones((20, 40), np.uint8)
    seg_map[3:9, 3:9] = seg_map[4:12, 14:30] = 0
    seg_map[6:10, 18:25] = 1
    outer, island = shapes(seg_map, 0)
    assert (len(outer.interiors), len(island.interiors)) == (2, 0)
    assert island.bounds == (18, 6, 25, 10)


def test_points_are_counted_as_they_are_traced() -> None:
    seg_map = LABEL_MAPS["patches"]
    assert count_points(seg_map) == sum(len(found.points) for _, found in outlines(seg_map))


@pytest.mark.parametrize("tolerance", [1.0, 20.0])
def test_polygons_with_many_holes_are_valid_and_have_few_points(
    tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RINGS", 3)
    seg_map = np.where(blobs() == 0, 8, 0).astype(np.uint8)
    simplified = shapes(seg_map, tolerance)
    assert any(len(shape.interiors) > 2 for shape in simplified)
    assert all(shape.is_valid for shape in simplified)
    assert shapely.get_num_coordinates(simplified).sum() < count_points(seg_map) / 3


def test_polygons_of_a_fine_pattern_raise_invalid_request() -> None:
    y, x = np.mgrid[0:400, 0:400]
    with pytest.raises(
        InvalidRequest, match=r"^shapes: .* 320,000 points; .* at most 102,666 are allowed; use edges=model"
    ):
        polygons(((x + y) % 2).astype(np.uint8), 1)
