"""Polygons with holes for tools whose polygons are one ring."""

import numpy as np
import numpy.typing as npt

from integrations.client import Rings

Points = npt.NDArray[np.float64]


def single_ring(rings: Rings) -> Points:
    """Return `rings` as one ring with the same area: float64 [points, 2], without the first point at the end.

    A slit of no width leads to each hole and back. Holes run in the other direction than the outer ring, so the area
    is the same by the even-odd rule and by the non-zero rule.
    """
    ring = np.array(rings[0][:-1])
    direction = np.sign(signed_area(ring))
    for points in rings[1:]:
        hole = np.array(points[:-1])
        if np.sign(signed_area(hole)) == direction:
            hole = hole[::-1]
        distances = np.square(ring[:, None] - hole).sum(axis=2)
        at, start = np.unravel_index(distances.argmin(), distances.shape)
        hole = np.roll(hole, -start, axis=0)
        ring = np.concatenate([ring[: at + 1], hole, hole[:1], ring[at:]])
    return ring


def signed_area(ring: Points) -> float:
    """Return the area of `ring`, negative if it runs in the other direction (the shoelace formula)."""
    x, y = ring.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
