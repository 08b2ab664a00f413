"""ModelWrapper while it loads: a missing graph, wrong labels and the warm-up."""

import math
from concurrent.futures import Future
from pathlib import Path

import pytest

from core.decoders.decoder_pool import DecoderPool
from core.errors import ModelError, ModelNotReady
from core.model import ModelWrapper
from core.runtime import warm_up
from core.runtime.queue import RequestQueue
from core.types import EngineOptions
from core.weights.registry import Weights
from tests.support.fake_engine import NEVER, FakeEngine, loaded_model, new_model


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


@pytest.mark.parametrize("workers", [1, 3])
def test_model_warm_up_runs_all_shapes_for_each_worker(
    workers: int, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    monkeypatch.setattr(warm_up, "MAX_SECONDS", math.inf)
    monkeypatch.setattr(engine, "run", lambda image: shapes.append(image.shape))
    loaded_model(RequestQueue(workers, 4, NEVER))
    assert len(shapes) == 7 * workers
    assert len(set(shapes)) == 7


def test_model_warm_up_past_time_limit_ends_after_one_shape(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    monkeypatch.setattr(warm_up, "MAX_SECONDS", -1)
    monkeypatch.setattr(engine, "run", lambda image: shapes.append(image.shape))
    assert loaded_model(RequestQueue(1, 4, NEVER)).ready
    assert shapes == [(64, 64, 3)]
