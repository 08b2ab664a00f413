"""ModelWrapper after a fault: a session that fails or hangs, and images that cannot be decoded."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.errors import DeadlineExceeded, InferenceFailed, InvalidImage, ModelNotReady
from core.model import MAX_OVERRUN_SECONDS
from core.runtime.queue import RequestQueue
from core.types import Prediction, UInt8Array
from tests.support.fake_engine import NEVER, FakeEngine, loaded_model
from tests.support.images import encode
from tests.support.paths import CHELSEA

CAT = CHELSEA.read_bytes()
# An image whose aspect ratio is not among those of the warm-up.
UNUSUAL = encode(Image.new("RGB", (2, 1)))


def test_session_that_fails_at_one_image_segments_the_next(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_at_unusual(image: UInt8Array) -> Prediction:
        if image.shape[:2] == (32, 64):
            raise RuntimeError("bad shape")
        return Prediction(np.zeros(image.shape[:2], np.uint8), None, 1)

    model = loaded_model()
    monkeypatch.setattr(engine, "predict", fail_at_unusual)
    with pytest.raises(InferenceFailed, match="failed at this image"):
        model.segment(UNUSUAL, None)
    assert model.ready
    assert model.segment(CAT, None).width_height == (64, 42)


def test_session_that_fails_at_every_image_is_broken(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: UInt8Array) -> UInt8Array:
        raise RuntimeError("out of memory")

    model = loaded_model()
    assert model.ready
    monkeypatch.setattr(engine, "run", fail)
    with pytest.raises(InferenceFailed):
        model.segment(CAT, None)
    assert not model.ready
    assert model.broken == "the session fails at every image"
    with pytest.raises(ModelNotReady, match="is being restarted"):
        model.segment(CAT, None)


def test_stage_that_hangs_breaks_the_model_until_it_returns(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, release = threading.Event(), threading.Event()
    now = 0.0

    def hang(image: UInt8Array) -> Prediction:
        began.set()
        release.wait()
        return Prediction(np.zeros(image.shape[:2], np.uint8), None, 1)

    queue = RequestQueue(2, 2, NEVER)
    model = loaded_model(queue)
    monkeypatch.setattr(engine, "predict", hang)
    monkeypatch.setattr("core.runtime.queue.time", SimpleNamespace(monotonic=lambda: now))
    with ThreadPoolExecutor(1) as client:
        try:
            result = client.submit(model.segment, CAT, None)
            began.wait()
            now = NEVER + MAX_OVERRUN_SECONDS
            assert model.ready
            assert (queue.overrunning(), queue.admitted) == (1, 1)
            now += 1
            assert not model.ready
            assert model.broken == "a request has run on for more than 10 seconds after its deadline"
            with pytest.raises(ModelNotReady, match="is being restarted"):
                model.segment(CAT, None)
        finally:
            release.set()
        with pytest.raises(DeadlineExceeded):
            result.result()
    assert model.ready
    assert (queue.overrunning(), queue.admitted) == (0, 0)


def test_segment_of_bad_image_leaves_no_image_in_memory(engine: FakeEngine) -> None:
    model = loaded_model()
    data = encode(Image.new("RGB", (1000, 1000)))
    gc.collect()
    gc.disable()
    try:
        for content in (data[:1000], data, b"no image"):
            with suppress(InvalidImage):
                model.segment(content, None)
        kept = [found for found in gc.get_objects() if isinstance(found, Image.Image) and found.size == (1000, 1000)]
    finally:
        gc.enable()
    assert kept == []
