"""ModelWrapper while it loads: a missing graph, wrong labels and the warm-up."""

import math
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from core.decoders.decoder_pool import DecoderPool
from core.errors import ModelError, ModelNotReady
from core.model import ModelWrapper
from core.runtime import warm_up
from core.runtime.queue import RequestQueue
from core.types import EngineOptions, UInt8Array
from core.weights.registry import Weights
from tests.support.fake_engine import NEVER, FakeEngine, loaded_model, new_model, wait_until_waiting
from tests.support.service import wait_for


def test_model_while_loading_is_not_ready() -> None:
    class IdleQueue(RequestQueue):
        """A queue that never begins a job."""

        def submit(self, *_: object) -> Future:  # type: ignore[type-arg]
            return Future()

    model = new_model(IdleQueue(1, 1, NEVER))
    assert not model.ready
    assert not model.broken
    with pytest.raises(ModelNotReady, match="still loading"):
        model.segment(b"", None)


def test_model_with_missing_graph_is_never_ready(tmp_path: Path) -> None:
    weights = Weights("own", "unknown", tmp_path / "gone.pb", "0")
    model = ModelWrapper(weights, EngineOptions(1), RequestQueue(2, 1, NEVER), DecoderPool(513, 1, NEVER))
    with pytest.raises(ModelError, match=r"gone\.pb"):
        model.loading.result()
    assert not model.ready


def test_model_with_wrong_number_of_labels_raises_model_error(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("ground\nsky\n")
    model = new_model(labels=labels)
    with pytest.raises(ModelError, match=r"has 21 classes, but there are 2 names: ground, sky; give MODEL_LABELS"):
        model.loading.result()


@pytest.fixture
def shapes(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the images that the engine has segmented."""
    shapes: list[tuple[int, ...]] = []
    monkeypatch.setattr(engine, "run", lambda image: shapes.append(image.shape))
    return shapes


def test_model_is_ready_after_one_image(shapes: list[tuple[int, ...]]) -> None:
    assert loaded_model().ready
    assert shapes == [(48, 64, 3)]


@pytest.mark.parametrize("workers", [1, 3])
def test_model_warm_up_runs_all_shapes_for_each_worker(
    workers: int, shapes: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "MAX_SECONDS", math.inf)
    queue = RequestQueue(workers, 4, NEVER)
    warm_up.warm_up(loaded_model(queue).loading, queue, 64)
    wait_for(lambda: len(shapes) == 1 + 7 * workers)
    assert len(set(shapes)) == 7


def test_model_warm_up_past_time_limit_ends_after_one_shape(
    shapes: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "MAX_SECONDS", -1)
    queue = RequestQueue(1, 4, NEVER)
    model = loaded_model(queue)
    warm_up.warm_up(model.loading, queue, 64)
    for _ in range(2):  # jobs that the worker begins after those of the warm-up
        queue.submit(int).result()
    assert model.ready
    assert shapes == [(48, 64, 3)] * 2


def test_request_goes_before_the_rest_of_the_warm_up(
    shapes: list[tuple[int, ...]], engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = RequestQueue(1, 4, NEVER)
    model = loaded_model(queue)
    entered, go_on = threading.Event(), threading.Event()

    def prepare(image: UInt8Array) -> None:
        entered.set()
        assert go_on.wait(NEVER)
        shapes.append(image.shape)

    monkeypatch.setattr(engine, "prepare", prepare)
    warm_up.warm_up(model.loading, queue, 64)
    assert entered.wait(NEVER)
    with ThreadPoolExecutor() as client:
        request = client.submit(queue.run, lambda: len(shapes))
        wait_until_waiting(queue, 1)
        go_on.set()
        assert request.result() == 2  # the image of the start, and the one at which the request came
    wait_for(lambda: len(shapes) == 1 + 7)


def test_warm_up_that_fails_at_a_shape_goes_on_with_the_next(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queue, calls = RequestQueue(1, 4, NEVER), list[int]()
    model = loaded_model(queue)

    def prepare(image: UInt8Array) -> None:
        calls.append(1)
        raise RuntimeError("the session fails")

    monkeypatch.setattr(engine, "prepare", prepare)
    warm_up.warm_up(model.loading, queue, 64)
    wait_for(lambda: len(calls) == 7)
    assert "the warm-up failed at an image of 4 : 3" in caplog.text


def test_warm_up_ends_when_the_service_stops(shapes: list[tuple[int, ...]]) -> None:
    queue = RequestQueue(1, 4, NEVER)
    model = loaded_model(queue)
    warm_up.warm_up(model.loading, queue, 64, until=lambda: len(shapes) == 3)
    for _ in range(2):  # jobs that the worker begins after those of the warm-up
        queue.submit(int).result()
    assert len(shapes) == 3
