"""Outlines of the classes in a label map, as polygons with holes."""

from collections.abc import Iterator
from itertools import pairwise

import contourpy
import numpy as np
import shapely

from core.types import Array, UInt8Array

# Rings of [x, y] in pixels, the outer one first; the last point of a ring is its first one.
Rings = list[list[list[float]]]
MAX_TOLERANCE = 100  # pixels


def polygons(seg_map: UInt8Array, class_id: int, bbox: tuple[int, int, int, int], tolerance: float) -> list[Rings]:
    """Return the outlines of `class_id` in `seg_map`, uint8 [height, width], largest first.

    `bbox` is the bounding box of the class: x, y, width and height. An outline runs half-way between the centres of
    pixels inside and outside, and simplifying it moves it by at most `tolerance` pixels. The origin is the top left
    corner of the picture. The polygons are valid: no ring crosses another one or itself.
    """
    x, y, width, height = bbox
    inside = np.pad(seg_map[y : y + height, x : x + width] == class_id, 1).astype(np.float32)
    # The centre of the first pixel, which is inside the padding, is half a pixel from the corner.
    origin = np.array([x - 0.5, y - 0.5])
    outlines = sorted(_outlines(inside), key=lambda outline: -outline.area)
    found = [_simplified(outline, tolerance) for outline in outlines]
    return [[_points(ring, origin) for ring in (shape.exterior, *shape.interiors)] for shape in found]


def _outlines(inside: Array) -> Iterator[shapely.Polygon]:
    """Yield the outlines of the ones in `inside`, float32 [height, width], between the centres of pixels."""
    generator = contourpy.contour_generator(z=inside, fill_type=contourpy.FillType.OuterOffset)
    for points, offsets in zip(*generator.filled(0.5, np.inf), strict=True):
        rings = [points[start:end] for start, end in pairwise(offsets)]
        yield shapely.Polygon(rings[0], rings[1:])


def _simplified(polygon: shapely.Polygon, tolerance: float) -> shapely.Polygon:
    """Return `polygon` with fewer points, moved by at most `tolerance`."""
    points = shapely.points(shapely.get_coordinates(polygon))
    # GEOS exceeds its limit at the ends of rings, and a hole can cross the outer ring.
    for part in (1, 0.9, 0.8, 0.7, 0.6, 0.5):
        simplified = shapely.simplify(polygon, part * tolerance, preserve_topology=True)
        boundary = simplified.boundary
        shapely.prepare(boundary)  # an index, without which the time is quadratic in the number of points
        if simplified.is_valid and shapely.dwithin(boundary, points, tolerance).all():
            return simplified
    return polygon


def _points(ring: shapely.LinearRing, origin: Array) -> list[list[float]]:
    """Return the points of `ring`, moved by `origin`, as lists."""
    points: list[list[float]] = (shapely.get_coordinates(ring) + origin).tolist()
    return points
