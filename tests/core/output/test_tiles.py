"""Tiles and blocks cover a picture, are bounded in both directions, and have checkpoints between them."""

import numpy as np
import pytest

from core.checkpoint import checked
from core.output import tiles as module
from core.output.tiles import blocks, pieces, tiles

SIZES = [(1, 1), (3, 4), (7, 300), (300, 7), (1, 1000), (1000, 1), (97, 83)]


@pytest.mark.parametrize(("start", "stop", "most"), [(0, 10, 3), (5, 66, 30), (0, 1, 8), (2, 9, 0), (4, 4, 2)])
def test_pieces_are_consecutive_and_nearly_equal(start: int, stop: int, most: int) -> None:
    found = list(pieces(start, stop, most))
    assert [index for piece in found for index in range(stop)[piece]] == list(range(start, stop))
    lengths = {piece.stop - piece.start for piece in found}
    assert max(lengths, default=0) <= max(most, 1)
    assert max(lengths, default=0) - min(lengths, default=0) <= 1


@pytest.mark.parametrize("size", SIZES)
def test_tiles_cover_each_pixel_once_and_have_few(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIXELS", 64)
    covered = np.zeros(size, int)
    for tile in tiles(*size):
        covered[tile] += 1
        assert 1 <= covered[tile].size <= 64
    assert (covered == 1).all()


@pytest.mark.parametrize("size", SIZES)
def test_blocks_cover_each_pixel_once_and_have_short_sides(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_SIDE", 64)
    covered = np.zeros(size, int)
    for block in blocks(*size):
        covered[block] += 1
        assert max(covered[block].shape) <= 64
    assert (covered == 1).all()


def test_blocks_of_a_photo_are_the_photo() -> None:
    assert list(blocks(6120, 8160)) == [(slice(0, 6120), slice(0, 8160))]


def test_pieces_have_a_checkpoint_before_each() -> None:
    calls = []
    with checked(lambda: calls.append(1)):
        for number, _ in enumerate(pieces(0, 10, 3), 1):
            assert len(calls) == number
