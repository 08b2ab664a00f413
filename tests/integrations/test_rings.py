"""Polygons with holes as one ring."""

import numpy as np
import pytest

from integrations.rings import signed_area, single_ring
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
