"""The engine gives the labels that a plain TensorFlow session gives."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from core.engine import Engine
from core.graph import read_graph
from core.types import EngineOptions, UInt8Array
from core.weights import WEIGHTS
from tests.conftest import ASTRONAUT, CHELSEA

MOBILE = WEIGHTS["mobile"].path


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas="fixed"))


def plain_session(image: UInt8Array) -> UInt8Array:
    """The unmodified graph, the way anyone would run it."""
    graph_def = tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes())
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session() as session:
            [seg_map] = session.run("SemanticPredictions:0", {"ImageTensor:0": image[np.newaxis]})
    return np.asarray(seg_map).astype(np.uint8)


@pytest.mark.parametrize("photo", [ASTRONAUT, CHELSEA])
def test_labels_equal_a_plain_sessions(engine: Engine, photo: Path) -> None:
    image = np.asarray(Image.open(photo))
    seg_map = engine.run(image)
    assert seg_map.dtype == np.uint8
    assert seg_map.shape == image.shape[:2]
    assert np.array_equal(seg_map, plain_session(image))


@pytest.mark.parametrize("shape", [(1, 1), (1, 513), (513, 1), (16, 16), (257, 333), (513, 513)])
def test_every_size_up_to_513_works(engine: Engine, shape: tuple[int, int]) -> None:
    assert engine.run(np.full((*shape, 3), 128, np.uint8)).shape == shape
