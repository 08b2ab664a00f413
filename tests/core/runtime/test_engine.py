"""The engine gives the labels that a plain TensorFlow session gives."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.evaluation import read_voc
from core.graph.load import read_graph
from core.image.decode import read_image
from core.output.segmentation import resized
from core.runtime.cpu import computes_bfloat16
from core.runtime.engine import Engine
from core.tensorflow import tf
from core.types import EngineOptions, UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.tiny_graphs import write_graph


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


@pytest.fixture(scope="module")
def fit() -> Engine:
    return Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas="fit"))


def test_labels_equal_the_unmodified_graphs_on_voc(engine: Engine, voc: Path) -> None:
    pixels = different = 0
    for photo, _ in read_voc(voc, every=20):
        image = resized(read_image(photo.read_bytes(), max_pixels=10**6), 513)
        plain = plain_session(image)
        pixels += plain.size
        different += int(np.count_nonzero(engine.run(image) != plain))
    # A tie of two classes' logits may fall to either side of float32's rounding, one pixel in a million.
    assert different <= pixels / 200_000


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 513), (513, 1), (16, 16), (17, 64), (257, 333), (511, 513), (514, 300), (20, 1024), (777, 777)],
)
def test_every_size_works_on_both_canvases(engine: Engine, fit: Engine, shape: tuple[int, int]) -> None:
    for one in (engine, fit):
        assert one.run(np.full((*shape, 3), 128, np.uint8)).shape == shape


def test_a_square_of_513_is_the_same_on_both_canvases(engine: Engine, fit: Engine) -> None:
    image = np.asarray(Image.open(ASTRONAUT).resize((513, 513)))
    assert np.array_equal(engine.run(image), fit.run(image))


@pytest.mark.parametrize(("size", "agreement"), [((513, 341), 0.97), ((333, 221), 0.93)])
def test_a_fit_canvas_gives_nearly_the_fixed_ones_labels(
    engine: Engine, fit: Engine, size: tuple[int, int], agreement: float
) -> None:
    image = np.asarray(Image.open(CHELSEA).resize(size))
    assert np.mean(fit.run(image) == engine.run(image)) > agreement


@pytest.mark.skipif(not computes_bfloat16(), reason="this CPU does not compute bfloat16")
def test_bfloat16_gives_nearly_the_same_labels(engine: Engine) -> None:
    image = np.asarray(Image.open(CHELSEA))
    half = Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas="fixed", precision="bfloat16"))
    assert np.mean(half.run(image) == engine.run(image)) > 0.98


def test_several_threads_at_once_get_their_own_labels(engine: Engine) -> None:
    images = [np.asarray(Image.open(photo)) for photo in (ASTRONAUT, CHELSEA)]
    expected = [engine.run(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for number, seg_map in enumerate(pool.map(engine.run, images * 4)):
            assert np.array_equal(seg_map, expected[number % 2])


def test_a_graph_that_the_optimizer_does_not_know_is_run_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A frozen graph of the right interface, with a class by brightness and nothing of DeepLab's inside."""

    def brightness() -> None:
        image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
        grey = tf.cast(image[..., :1], tf.float32)
        tf.identity(tf.argmax(tf.concat([255 - grey, grey], -1), -1), name="SemanticPredictions")

    graph = read_graph(write_graph(tmp_path / "brightness.pb", brightness))
    engine = Engine(graph, EngineOptions(threads=1))
    assert engine.run(np.array([[[0] * 3, [255] * 3]], np.uint8)).tolist() == [[0, 1]]
    assert "expected a ResizeBilinear: the graph is run as it is" in caplog.text
