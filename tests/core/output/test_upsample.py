"""Labels at the photo's own size: those of all logits enlarged, at a fraction of the work."""

import numpy as np
import pytest
from PIL import Image

from core.graph.load import read_graph
from core.output.upsample import enlarged_labels
from core.runtime.engine import Engine
from core.types import Array, EngineOptions, UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT

RANDOM = np.random.default_rng(3)


def by_brute_force(logits: Array, stride: int, size: tuple[int, int], target: tuple[int, int]) -> UInt8Array:
    """Interpolate every logit at every pixel, in double precision."""
    enlarged = logits.astype(np.float64)
    for axis in (0, 1):
        centres = (np.arange(target[axis]) + 0.5) * size[axis] / target[axis] - 0.5
        places = np.clip(centres, 0, size[axis] - 1) / stride
        before = np.floor(places).astype(int)
        after = np.minimum(before + 1, logits.shape[axis] - 1)
        part = np.expand_dims(places - before, (1, 2) if axis == 0 else (0, 2))
        enlarged = enlarged.take(before, axis) * (1 - part) + enlarged.take(after, axis) * part
    labels: UInt8Array = enlarged.argmax(axis=-1).astype(np.uint8)
    return labels


@pytest.mark.parametrize("target", [(33, 50), (97, 113), (300, 200), (12, 9), (1, 1), (1000, 40)])
@pytest.mark.parametrize(("stride", "size"), [(8, (33, 50)), (4, (18, 41)), (8, (1, 9)), (8, (1, 1))])
def test_labels_are_those_of_all_logits_enlarged(stride: int, size: tuple[int, int], target: tuple[int, int]) -> None:
    rows, columns = ((side + stride - 2) // stride + 1 for side in size)
    logits = RANDOM.normal(size=(rows, columns, 6)).astype(np.float32)
    labels = enlarged_labels(logits, stride, size, target)
    assert labels.shape == target
    assert labels.flags.c_contiguous
    expected = by_brute_force(logits, stride, size, target)
    assert np.count_nonzero(labels != expected) <= labels.size * 1e-4  # ties at float32's rounding


def test_the_models_own_size_gives_the_models_own_labels() -> None:
    engine = Engine(read_graph(MOBILE), EngineOptions(threads=2))
    image = np.asarray(Image.open(ASTRONAUT).resize((513, 400)))
    found = engine.predict(image)
    assert found.logits is not None
    assert found.logits.shape == (51, 65, 21)
    labels = enlarged_labels(found.logits, found.stride, (400, 513), (400, 513))
    assert np.count_nonzero(labels != found.seg_map) <= 5
