"""The engine: its labels are those of the unmodified graph in a plain TensorFlow session."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import ModelError
from core.evaluation import read_voc
from core.graph.frozen_graph import read_graph
from core.image.decode import read_image
from core.image.resize import resized
from core.runtime.cpu import computes_bfloat16, computes_int8
from core.runtime.engine import Engine
from core.tensorflow import tf
from core.types import Array, EngineOptions, UInt8Array
from core.weights.registry import MOBILE
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.tiny_graphs import write_graph


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Return an engine of the mobile model with CANVAS=fixed."""
    return Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas="fixed"))


def plain_session(image: UInt8Array) -> UInt8Array:
    """Return the label map of the unmodified graph in a session without options."""
    graph_def = tf.compat.v1.GraphDef.FromString(MOBILE.read_bytes())
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        with tf.compat.v1.Session() as session:
            [seg_map] = session.run("SemanticPredictions:0", {"ImageTensor:0": image[np.newaxis]})
    return np.asarray(seg_map).astype(np.uint8)


@pytest.mark.parametrize("photo", [ASTRONAUT, CHELSEA])
def test_engine_on_fixed_canvas_equals_plain_session(engine: Engine, photo: Path) -> None:
    image = np.asarray(Image.open(photo))
    seg_map = engine.run(image)
    assert seg_map.dtype == np.uint8
    assert seg_map.shape == image.shape[:2]
    assert np.array_equal(seg_map, plain_session(image))


@pytest.fixture(scope="module")
def fit() -> Engine:
    """Return an engine of the mobile model with CANVAS=fit."""
    return Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas="fit"))


def test_engine_on_voc_photos_equals_plain_session(engine: Engine, voc: Path) -> None:
    pixels = different = 0
    for photo, _ in read_voc(voc, every=20):
        image = np.asarray(resized(read_image(photo.read_bytes(), max_pixels=10**6), 513))
        plain = plain_session(image)
        pixels += plain.size
        different += int(np.count_nonzero(engine.run(image) != plain))
    # If the logits of two classes are equal up to float32 rounding, either may win: about one pixel in a million.
    assert different <= pixels / 200_000


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 513), (513, 1), (16, 16), (17, 64), (257, 333), (511, 513), (514, 300), (20, 1024), (777, 777)],
)
def test_engine_accepts_every_image_size_on_both_canvases(engine: Engine, fit: Engine, shape: tuple[int, int]) -> None:
    for either in (engine, fit):
        assert either.run(np.full((*shape, 3), 128, np.uint8)).shape == shape


def test_engine_gives_equal_labels_on_both_canvases_for_square_of_513(engine: Engine, fit: Engine) -> None:
    image = np.asarray(Image.open(ASTRONAUT).resize((513, 513)))
    assert np.array_equal(engine.run(image), fit.run(image))


@pytest.mark.parametrize(("size", "agreement"), [((513, 341), 0.97), ((333, 221), 0.93)])
def test_engine_on_fit_canvas_agrees_with_fixed_canvas_on_most_pixels(
    engine: Engine, fit: Engine, size: tuple[int, int], agreement: float
) -> None:
    image = np.asarray(Image.open(CHELSEA).resize(size))
    assert np.mean(fit.run(image) == engine.run(image)) > agreement


@pytest.mark.skipif(not computes_bfloat16(), reason="this CPU does not compute bfloat16")
def test_engine_with_bfloat16_agrees_with_float32_on_most_pixels(engine: Engine) -> None:
    image = np.asarray(Image.open(CHELSEA))
    bfloat16 = Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas="fixed", precision="bfloat16"))
    assert np.mean(bfloat16.run(image) == engine.run(image)) > 0.98


@pytest.fixture(scope="module")
def int8() -> Engine:
    """Return an engine of the mobile model with CANVAS=fit and PRECISION=int8."""
    if not computes_int8():
        pytest.skip("TensorFlow has no kernels of int8 for this CPU")
    return Engine(read_graph(MOBILE), EngineOptions(threads=2, precision="int8"))


@pytest.mark.parametrize("side", [513, 333, 257])
def test_engine_with_int8_agrees_with_float32_on_most_pixels(fit: Engine, int8: Engine, side: int) -> None:
    for photo in (ASTRONAUT, CHELSEA):
        image = np.asarray(resized(read_image(photo.read_bytes(), max_pixels=10**6), side))
        assert np.mean(int8.run(image) == fit.run(image)) > 0.97


@pytest.mark.parametrize("shape", [(1, 1), (1, 513), (16, 16), (17, 64), (514, 300), (777, 777)])
def test_engine_with_int8_accepts_every_image_size(int8: Engine, shape: tuple[int, int]) -> None:
    prediction = int8.predict(np.full((*shape, 3), 128, np.uint8))
    assert prediction.seg_map.shape == shape
    assert prediction.logits is not None
    assert np.all(np.isfinite(prediction.logits))


def test_engine_with_int8_used_by_several_threads_gives_the_logits_of_one(int8: Engine) -> None:
    # A kernel writes its result over the residual that it adds: calls at the same time must not share one.
    images = [np.asarray(Image.open(photo).resize((257, 193))) for photo in (ASTRONAUT, CHELSEA)]

    def logits(image: UInt8Array) -> Array:
        return np.asarray(int8.predict(image).logits)

    expected = [logits(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(logits, images * 20)):
            assert np.array_equal(found, expected[number % 2])


def test_engine_with_int8_of_graph_with_other_structure_raises_model_error(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "brightness.pb", brightness)
    message = r"PRECISION=int8 can't be used with .*brightness\.pb: .*expected a ResizeBilinear; use float32 or auto"
    with pytest.raises(ModelError, match=message):
        Engine(read_graph(path), EngineOptions(threads=1, precision="int8"))


def test_engine_with_int8_of_graph_without_calibration_raises_model_error(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(MOBILE.read_bytes())
    with pytest.raises(ModelError, match=r"graph\.int8\.json, which does not exist; make it with"):
        Engine(read_graph(path), EngineOptions(threads=1, precision="int8"))


def brightness() -> None:
    """Add a graph with the input and output of DeepLab that labels dark pixels 0 and bright ones 1."""
    image = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="ImageTensor")
    grey = tf.cast(image[..., :1], tf.float32)
    tf.identity(tf.argmax(tf.concat([255 - grey, grey], -1), -1), name="SemanticPredictions")


def test_engine_used_by_several_threads_returns_each_thread_its_labels(engine: Engine) -> None:
    images = [np.asarray(Image.open(photo)) for photo in (ASTRONAUT, CHELSEA)]
    expected = [engine.run(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for number, seg_map in enumerate(pool.map(engine.run, images * 4)):
            assert np.array_equal(seg_map, expected[number % 2])


def test_engine_with_unknown_structure_runs_the_unmodified_graph_and_warns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = read_graph(write_graph(tmp_path / "brightness.pb", brightness))
    engine = Engine(graph, EngineOptions(threads=1))
    assert engine.run(np.array([[[0] * 3, [255] * 3]], np.uint8)).tolist() == [[0, 1]]
    assert "expected a ResizeBilinear: running the unmodified graph" in caplog.text
