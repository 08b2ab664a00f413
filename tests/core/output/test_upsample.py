"""Upsampled labels against the interpolation of all logits at all pixels."""

import numpy as np
import pytest
from PIL import Image

from core.graph.load import read_graph
from core.output import tiles, upsample
from core.output.upsample import upsampled_labels
from core.runtime.engine import Engine
from core.types import Array, EngineOptions, UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT

RANDOM = np.random.default_rng(3)


def interpolated_labels(logits: Array, stride: int, size: tuple[int, int], target: tuple[int, int]) -> UInt8Array:
    """Return the labels from all logits, interpolated at all pixels in double precision."""
    enlarged = logits.astype(np.float64)
    for axis in (0, 1):
        centres = (np.arange(target[axis]) + 0.5) * size[axis] / target[axis] - 0.5
        positions = np.clip(centres, 0, size[axis] - 1) / stride
        before = np.floor(positions).astype(int)
        after = np.minimum(before + 1, logits.shape[axis] - 1)
        fraction = np.expand_dims(positions - before, (1, 2) if axis == 0 else (0, 2))
        enlarged = enlarged.take(before, axis) * (1 - fraction) + enlarged.take(after, axis) * fraction
    labels: UInt8Array = enlarged.argmax(axis=-1).astype(np.uint8)
    return labels


@pytest.mark.parametrize("target", [(33, 50), (97, 113), (300, 200), (12, 9), (1, 1), (1000, 40)])
@pytest.mark.parametrize(("stride", "size"), [(8, (33, 50)), (4, (18, 41)), (8, (1, 9)), (8, (1, 1))])
def test_upsampled_labels_equal_labels_of_interpolated_logits(
    stride: int, size: tuple[int, int], target: tuple[int, int]
) -> None:
    rows, columns = ((side + stride - 2) // stride + 1 for side in size)
    logits = RANDOM.normal(size=(rows, columns, 6)).astype(np.float32)
    labels = upsampled_labels(logits, stride, size, target)
    assert labels.shape == target
    assert labels.flags.c_contiguous
    expected = interpolated_labels(logits, stride, size, target)
    # Two classes can be equal up to the rounding of float32.
    assert np.count_nonzero(labels != expected) <= labels.size * 1e-4


def test_upsampled_labels_at_size_of_model_equal_label_map_of_model() -> None:
    engine = Engine(read_graph(MOBILE), EngineOptions(threads=2))
    image = np.asarray(Image.open(ASTRONAUT).resize((513, 400)))
    prediction = engine.predict(image)
    assert prediction.logits is not None
    assert prediction.logits.shape == (51, 65, 21)
    labels = upsampled_labels(prediction.logits, prediction.stride, (400, 513), (400, 513))
    assert np.count_nonzero(labels != prediction.seg_map) <= 5


def test_upsampled_labels_in_small_blocks_equal_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = RANDOM.normal(size=(6, 8, 5)).astype(np.float32)
    expected = upsampled_labels(logits, 8, (40, 57), (200, 300))
    monkeypatch.setattr(tiles, "BLOCK_SIDE", 37)
    monkeypatch.setattr(upsample, "PIXELS", 50)
    assert np.array_equal(upsampled_labels(logits, 8, (40, 57), (200, 300)), expected)
