"""Connected regions agree with a flood fill, whatever the pattern."""

import numpy as np
import pytest

from core.output.regions import paint, regions
from core.output.tiles import PIXELS
from core.types import Array, UInt8Array


def flooded(seg_map: UInt8Array) -> Array:
    """Return the number of each pixel's region, by a flood fill from the first pixel of each."""
    numbers = np.full(seg_map.shape, -1)
    count = 0
    for place in np.ndindex(seg_map.shape):
        if numbers[place] >= 0:
            continue
        waiting = [place]
        numbers[place] = count
        while waiting:
            row, column = waiting.pop()
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                inside = 0 <= near[0] < seg_map.shape[0] and 0 <= near[1] < seg_map.shape[1]
                if inside and numbers[near] < 0 and seg_map[near] == seg_map[place]:
                    numbers[near] = count
                    waiting.append(near)
        count += 1
    return numbers


def spiral(side: int) -> UInt8Array:
    """Return a spiral, whose runs are joined in an order that is far from that of rows."""
    seg_map = np.zeros((side, side), np.uint8)
    row, column, turn = 0, -1, 0
    length = side
    while length > 0:
        for _ in range(2 if turn else 1):
            step = ((0, 1), (1, 0), (0, -1), (-1, 0))[turn % 4]
            for _ in range(length):
                row, column = row + step[0], column + step[1]
                seg_map[row, column] = 1
            turn += 1
        length -= 2
    return seg_map


RANDOM = np.random.default_rng(5)
MAPS = {
    "noise": RANDOM.integers(0, 2, (37, 53), np.uint8),
    "three classes": RANDOM.integers(0, 3, (40, 31), np.uint8),
    "one class": np.full((5, 7), 4, np.uint8),
    "one row": RANDOM.integers(0, 2, (1, 200), np.uint8),
    "one column": RANDOM.integers(0, 2, (200, 1), np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "checks": (np.indices((20, 21)).sum(axis=0) % 2).astype(np.uint8),
    "a comb": np.tile(np.arange(30) % 2 * np.uint8(1), (9, 1)).astype(np.uint8),
    "a spiral": spiral(41),
}


@pytest.mark.parametrize("part", [PIXELS, 16])
@pytest.mark.parametrize("name", MAPS)
def test_regions_are_those_of_a_flood_fill(name: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.output.regions.PIXELS", part)
    seg_map = MAPS[name]
    expected = flooded(seg_map)
    found = regions(seg_map)
    numbers = np.repeat(found.region, found.lengths).reshape(seg_map.shape)
    assert np.array_equal(numbers, expected)
    assert np.array_equal(found.pixels, np.bincount(expected.ravel()))
    assert np.array_equal(found.classes, seg_map.ravel()[found.starts[found.first]])
    assert np.array_equal(found.at(np.arange(seg_map.size)), expected.ravel())


@pytest.mark.parametrize("part", [PIXELS, 16])
@pytest.mark.parametrize("name", MAPS)
def test_paint_gives_each_region_its_class(name: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.output.regions.PIXELS", part)
    seg_map = MAPS[name].copy()
    found = regions(seg_map)
    classes = np.where(np.arange(len(found.classes)) % 3, found.classes, 9).astype(np.uint8)
    paint(seg_map, found, classes)
    assert np.array_equal(seg_map, classes[flooded(MAPS[name])])
