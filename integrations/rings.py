"""Outlines for tools whose polygons are one ring, without holes."""

import numpy as np
import numpy.typing as npt

from integrations.client import Region, Rings

Points = npt.NDArray[np.float64]
# The part of a photo below which a piece or a hole is a speck. A cell of the network's grid is about 1/4,000 of it.
SPECK = 1 / 100_000


def outlines(region: Region) -> list[Points]:
    """Return each polygon of `region` as one ring, as single_ring() does, without specks."""
    height, width = region.size
    kept = [[ring for ring in rings if _is_large(ring, height * width)] for rings in region.polygons]
    # A hole is smaller than the ring around it, so a list without its outer ring is empty.
    return [single_ring(rings) for rings in kept if rings]


def _is_large(ring: list[list[float]], pixels: int) -> bool:
    return abs(signed_area(np.array(ring[:-1]))) >= SPECK * pixels


def single_ring(rings: Rings) -> Points:
    """Return `rings` as one ring with the same area: float64 [points, 2], without the first point at the end.

    A zero-width bridge (keyhole) leads to each hole and back. Holes run in the other direction than the outer ring, so
    the area is the same by the even-odd rule and by the non-zero rule.
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
