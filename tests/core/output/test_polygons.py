"""Polygons of label maps: valid, closed, with holes, and near the pixels."""

import numpy as np
import numpy.typing as npt
import pytest
import shapely
from PIL import Image, ImageDraw

from core.output.polygons import polygons
from core.types import UInt8Array

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
