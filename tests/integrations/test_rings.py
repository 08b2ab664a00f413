"""Polygons with holes as one ring."""

import numpy as np
import pytest

from integrations.client import Region
from integrations.rings import outlines, signed_area, single_ring
from tests.integrations.masks import drawn

Ring = list[list[float]]
OUTER: Ring = [[0, 0], [40, 0], [40, 30], [0, 30], [0, 0]]
FIRST: Ring = [[5, 5], [5, 15], [15, 15], [15, 5], [5, 5]]
SECOND: Ring = [[25, 10], [35, 10], [35, 25], [25, 25], [25, 10]]


@pytest.mark.parametrize("first", [FIRST, FIRST[::-1]])
@pytest.mark.parametrize("outer", [OUTER, OUTER[::-1]])
def test_single_ring_of_polygon_with_two_holes_covers_all_but_the_holes(outer: Ring, first: Ring) -> None:
    ring = single_ring([outer, first, SECOND])
    assert abs(signed_area(ring)) == 40 * 30 - 10 * 10 - 10 * 15
    expected = np.full((30, 40), True)
    expected[5:15, 5:15] = expected[10:25, 25:35] = False
    assert np.array_equal(drawn([ring], 40, 30), expected)


def test_single_ring_without_holes_is_the_outer_ring_without_its_last_point() -> None:
    assert single_ring([OUTER]).tolist() == OUTER[:-1]


def square(x: float, side: float) -> Ring:
    """Return the ring of a square whose corner is at x, x."""
    return [[x, x], [x + side, x], [x + side, x + side], [x, x + side], [x, x]]


def test_outlines_are_without_pieces_and_holes_of_less_than_a_speck() -> None:
    # 10 of a million pixels.
    rle = {"size": [1000, 1000], "counts": ""}
    polygons = [[square(0, 100), square(10, 3), square(20, 4)], [square(200, 4)], [square(300, 3)]]
    found = outlines(Region(1, None, rle, polygons))
    assert [abs(signed_area(ring)) for ring in found] == [100 * 100 - 4 * 4, 4 * 4]
