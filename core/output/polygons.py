"""Outlines of the classes in a label map, as polygons with holes and few points."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import shapely

from core.checkpoint import checkpoint
from core.errors import InvalidRequest
from core.output.outlines import Outlines, count_points, outlines
from core.types import Array

# Rings of x and y in pixels, float64 [points, 2], the outer one first; the last point of a ring is its first one.
Rings = list[Array]
MAX_TOLERANCE = 100  # pixels
# The most points of outlines: so many, and one for so many pixels. A point takes some microseconds.
MAX_POINTS, PIXELS_PER_POINT = 100_000, 60
# Points between two checkpoints.
BATCH = 50_000
# GEOS exceeds its limit at the ends of rings: the parts of the tolerance that are tried.
PARTS = (1, 0.75, 0.5)
# The most rings of a polygon that are simplified together: each point then takes time in proportion to their number.
# And the tolerance, in pixels, of other polygons whose rings would cross: those of fine patterns do not at this one.
MAX_RINGS, SAFE_TOLERANCE = 300, 1.0


def polygons(seg_map: Array, tolerance: float) -> dict[int, list[Rings]]:
    """Return the outlines of each class in `seg_map`, integers [height, width], without background, largest first.

    An outline runs half-way between the centres of pixels inside and outside, and simplifying it moves it by at most
    `tolerance` pixels. The origin is the top left corner of the picture. The polygons are valid: no ring crosses
    another one or itself.

    Raises InvalidRequest if the outlines have more points than is allowed at the size of the picture.
    """
    points, most = count_points(seg_map), MAX_POINTS + seg_map.size // PIXELS_PER_POINT
    if points > most:
        raise InvalidRequest(
            f"shapes: polygons of this photo would have {points:,} points; at its size, at most {most:,} are allowed; "
            "use edges=model or size=model, or an output without polygons"
        )
    return {class_: _polygons(found, tolerance) for class_, found in outlines(seg_map)}


def _polygons(found: Outlines, tolerance: float) -> list[Rings]:
    """Return the outlines of one class as simplified polygons, largest first."""
    # The rings of a polygon follow its outer one.
    order = np.argsort(found.owner, kind="stable")
    rings = shapely.linearrings(found.points, indices=found.ring)[order]
    polygon = np.unique(found.owner[order], return_inverse=True)[1]
    exact = shapely.polygons(rings, indices=polygon)
    simple = shapely.polygons(_simplified(rings, tolerance), indices=polygon)
    for part in _batches(simple):
        for number in part.start + np.flatnonzero(~shapely.is_valid(simple[part])):
            simple[number] = _simplified_together(exact[number], tolerance)
    largest_first = np.argsort(-shapely.area(exact), kind="stable")
    return list(_coordinates(simple[largest_first]))


def _simplified(rings: Array, tolerance: float) -> Array:
    """Return `rings` with fewer points, each one moved by at most `tolerance`; two of them can cross."""
    simplified = rings.copy()
    for part in _batches(rings):
        left = np.arange(part.start, part.stop)
        for share in PARTS:
            checkpoint()
            simple = shapely.simplify(rings[left], share * tolerance, preserve_topology=True)
            is_near = _are_near(simple, rings[left], tolerance)
            simplified[left[is_near]] = simple[is_near]
            left = left[~is_near]
            if not left.size:
                break
    return simplified


def _simplified_together(polygon: shapely.Polygon, tolerance: float) -> shapely.Polygon:
    """Return `polygon` with fewer points, moved by at most `tolerance`; no ring crosses another one."""
    rings = shapely.get_rings(polygon)
    if len(rings) > MAX_RINGS:
        outer, *holes = _simplified(rings, min(tolerance, SAFE_TOLERANCE))
        simple = shapely.Polygon(outer, holes)
        return simple if simple.is_valid else polygon
    for share in PARTS:
        checkpoint()
        simple = shapely.simplify(polygon, share * tolerance, preserve_topology=True)
        if simple.is_valid and _are_near(shapely.get_rings(simple), rings, tolerance).all():
            return simple
    return polygon


def _are_near(simple: Array, rings: Array, tolerance: float) -> Array:
    """Return, for each of `rings`, whether its points are within `tolerance` of its one of `simple`, bool [rings].

    A point is compared with the line between the points before and after it that the simplified ring has kept. No two
    rings share a point.
    """
    checkpoint()
    points, ring = shapely.get_coordinates(rings, return_index=True)
    is_kept = np.isin(_keys(points), _keys(shapely.get_coordinates(simple)))
    place = np.arange(len(points))
    before = np.maximum.accumulate(np.where(is_kept, place, -1))
    after = np.minimum.accumulate(np.where(is_kept, place, len(points))[::-1])[::-1]
    # Around the end of a ring, its last kept point comes before its first one.
    starts = np.searchsorted(ring, np.arange(len(rings)))
    ends = np.append(starts[1:], len(points)) - 1
    before = np.where(before < starts[ring], before[ends][ring], before)
    after = np.where(after > ends[ring], after[starts][ring], after)
    line, offset = points[after] - points[before], points - points[before]
    length = np.maximum((line * line).sum(axis=1), 1e-9)
    along = np.clip((line * offset).sum(axis=1) / length, 0, 1)
    distance = np.hypot(*(offset - along[:, np.newaxis] * line).T)
    are_near: Array = np.bincount(ring[distance > tolerance + 1e-9], minlength=len(rings)) == 0
    return are_near


def _keys(points: Array) -> Array:
    """Return an integer for each of `points`, whose x and y are multiples of a half."""
    x, y = (2 * points).astype(np.int64).T
    keys: Array = x + (y << 32)
    return keys


def _batches(shapes: Array) -> Iterator[slice]:
    """Yield consecutive slices of `shapes` with about BATCH points, or one shape. Calls checkpoint() before each."""
    number = np.cumsum(shapely.get_num_coordinates(shapes)) // BATCH
    for start, stop in pairwise([0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(shapes)]):
        checkpoint()
        yield slice(start, stop)


def _coordinates(found: Array) -> Iterator[Rings]:
    """Yield the rings of each of the polygons `found`."""
    rings, polygon = shapely.get_rings(found, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.cumsum(np.bincount(ring)).tolist()
    arrays = [points[start:end] for start, end in pairwise([0, *ends])]
    for start, end in pairwise([0, *np.cumsum(np.bincount(polygon)).tolist()]):
        yield arrays[start:end]
