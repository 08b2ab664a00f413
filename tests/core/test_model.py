"""The wrapper: the original's resize, the segmentation it returns, and its metadata."""

import gc
import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flask import Flask
from PIL import Image

from core.errors import DeadlineExceeded, ImageTooLarge, InferenceFailed, InvalidImage, ModelError, ModelNotReady
from core.image.decode import Photo
from core.labels import LABELS
from core.model import ModelWrapper
from core.output.segmentation import Segmentation
from core.runtime.queue import Executor
from core.types import EngineOptions, Prediction, UInt8Array
from core.weights.registry import MOBILE, Weights, own
from tests.support.paths import ASTRONAUT, CHELSEA


@pytest.fixture(scope="module")
def model(app: Flask) -> ModelWrapper:
    model: ModelWrapper = app.extensions["model"]
    return model


@pytest.mark.parametrize(
    ("size", "resized"),
    [
        ((1200, 600), (513, 256)),
        ((600, 1200), (256, 513)),
        ((513, 513), (513, 513)),
        ((100, 75), (513, 384)),
        ((1, 2000), (1, 513)),
        ((65000, 1), (513, 1)),
        ((1, 1), (513, 513)),
        ((3024, 4032), (384, 513)),
    ],
)
def test_resize_keeps_the_original_services_size(
    model: ModelWrapper, size: tuple[int, int], resized: tuple[int, int]
) -> None:
    assert model.resize(Photo(Image.new("RGB", size), size)).shape == (resized[1], resized[0], 3)


@pytest.mark.parametrize(("photo", "label", "share"), [(ASTRONAUT, "person", 0.4), (CHELSEA, "cat", 0.7)])
def test_sample_photos_hold_what_they_show(model: ModelWrapper, photo: Path, label: str, share: float) -> None:
    segmentation = model.segment(photo.read_bytes(), lambda found: found)
    assert np.mean(segmentation.seg_map == LABELS.index(label)) > share
    assert max(segmentation.image_size) == 513


def test_only_turns_the_other_classes_into_background() -> None:
    segmentation = Segmentation(np.array([[0, 8, 15]], np.uint8), lambda: Image.new("RGB", (3, 1)), LABELS)
    assert segmentation.only({8}).seg_map.tolist() == [[0, 8, 0]]
    assert segmentation.image_size == (3, 1)


def test_the_original_size_has_the_upright_photo_and_a_map_of_its_size(model: ModelWrapper) -> None:
    file = io.BytesIO()
    with Image.open(CHELSEA) as cat:
        exif = cat.getexif()
        exif[0x0112] = 6  # to be turned a quarter clockwise
        cat.resize((900, 600)).rotate(90, expand=True).save(file, "JPEG", exif=exif)
    found = model.segment(file.getvalue(), lambda found: found, original=True)
    assert found.image_size == found.photo().size == (900, 600)
    small = model.segment(file.getvalue(), lambda found: found)
    assert small.image_size == small.photo().size == (513, 342)
    shrunk = np.asarray(Image.fromarray(found.seg_map).resize((513, 342), Image.Resampling.NEAREST))
    assert np.mean(shrunk == small.seg_map) > 0.995


def test_images_over_the_limit_are_refused(model: ModelWrapper) -> None:
    file = io.BytesIO()
    Image.new("1", (10000, 5001)).save(file, "PNG")
    with pytest.raises(ImageTooLarge):
        model.segment(file.getvalue(), lambda found: found)


class Idle(Executor):
    """An executor that has not come to its first job yet."""

    def submit(self, *_: object) -> Future:  # type: ignore[type-arg]
        return Future()


def test_a_loading_model_says_so() -> None:
    model = ModelWrapper(own(MOBILE, None), EngineOptions(1), Idle(1, 1, 1), image_size=513, max_pixels=1)
    assert not model.ready
    with pytest.raises(ModelNotReady, match="still loading"):
        model.segment(b"", lambda found: found)


def test_a_model_that_can_not_be_loaded_is_never_ready(tmp_path: Path) -> None:
    gone = Weights("own", "unknown", tmp_path / "gone.pb", "0")
    model = ModelWrapper(gone, EngineOptions(1), Executor(2, 1, 1), image_size=513, max_pixels=1)
    with pytest.raises(ModelError, match=r"gone\.pb"):
        model.loading.result(timeout=60)
    assert not model.ready


def test_names_that_are_not_as_many_as_the_classes_are_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("ground\nsky\n")
    model = ModelWrapper(own(MOBILE, labels), EngineOptions(1), Executor(2, 1, 1), image_size=513, max_pixels=1)
    with pytest.raises(ModelError, match=r"has 21 classes, but there are 2 names: ground, sky; give MODEL_LABELS"):
        model.loading.result(timeout=60)


class Session:
    """What an engine may do wrong: `predict` is what it does with images, all others work."""

    def __init__(self, predict: Callable[[UInt8Array], Prediction]) -> None:
        self.predict = predict

    def run(self, image: UInt8Array) -> UInt8Array:
        return self.predict(image).seg_map


def served_by(predict: Callable[[UInt8Array], Prediction], timeout: float = 5) -> ModelWrapper:
    """Return a model that is ready, whose session does what `predict` does."""

    class Loaded(ModelWrapper):
        def _load(self) -> Any:
            return Session(predict)

    model = Loaded(own(MOBILE, None), EngineOptions(1), Executor(2, 2, timeout), image_size=64, max_pixels=10**6)
    model.loading.result()
    return model


def good(image: UInt8Array) -> Prediction:
    return Prediction(np.zeros(image.shape[:2], np.uint8), None, 1)


def test_an_image_that_the_session_fails_at_is_unavailable_and_the_next_is_not() -> None:
    def predict(image: UInt8Array) -> Prediction:
        if image.shape[0] == 32:
            raise RuntimeError("out of luck")
        return good(image)

    model = served_by(predict)
    file = io.BytesIO()
    Image.new("RGB", (2, 1)).save(file, "PNG")
    with pytest.raises(InferenceFailed, match="failed at this image"):
        model.segment(file.getvalue(), lambda found: found)
    assert model.ready
    assert model.segment(CHELSEA.read_bytes(), lambda found: found).image_size == (64, 42)


def test_a_session_that_fails_at_every_image_is_broken() -> None:
    def predict(image: UInt8Array) -> Prediction:
        raise RuntimeError("out of memory")

    model = served_by(predict)
    assert model.ready
    with pytest.raises(InferenceFailed):
        model.segment(CHELSEA.read_bytes(), lambda found: found)
    assert not model.ready
    assert model.broken == "the session fails at every image"
    with pytest.raises(ModelNotReady, match="is being restarted"):
        model.segment(CHELSEA.read_bytes(), lambda found: found)


def test_a_session_that_hangs_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.model.LONGEST_INFERENCE", 0.2)
    release = threading.Event()

    def predict(image: UInt8Array) -> Prediction:
        release.wait()
        return good(image)

    model = served_by(predict, timeout=0.1)
    with pytest.raises(DeadlineExceeded):
        model.segment(CHELSEA.read_bytes(), lambda found: found)
    while model.ready:
        time.sleep(0.01)
    assert "has hung for more than 0.2 seconds" in model.broken
    release.set()
    while not model.ready:
        time.sleep(0.01)


def test_nothing_of_a_refused_image_is_kept() -> None:
    model = served_by(good)
    file = io.BytesIO()
    Image.new("RGB", (1000, 1000)).save(file, "PNG")
    gc.collect()
    gc.disable()
    try:
        for data in (file.getvalue()[:1000], file.getvalue(), b"no image"):
            with suppress(InvalidImage):
                model.segment(data, lambda found: found.image_size)
        kept = [found for found in gc.get_objects() if isinstance(found, Image.Image) and found.size == (1000, 1000)]
    finally:
        gc.enable()
    assert kept == []


def test_a_slow_model_is_ready_without_having_seen_every_shape(
    model: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    engine: Any = SimpleNamespace(run=lambda image: shapes.append(image.shape))
    model._warm_up(engine)
    assert len(set(shapes)) == len(shapes) == 7
    monkeypatch.setattr("core.model.LONGEST_WARM_UP", 0)
    model._warm_up(engine)
    assert shapes[7:] == [(513, 513, 3)]
