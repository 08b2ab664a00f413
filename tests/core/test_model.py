"""The model: loading, one photo from bytes to an encoded segmentation, and failures of the session."""

import gc
import io
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import core.model
from core.errors import (
    ClientGone,
    ImageTooLarge,
    InferenceFailed,
    InvalidImage,
    ModelError,
    ModelNotReady,
    QueueFull,
)
from core.image.decode import Photo, read_image
from core.labels import LABELS
from core.model import ModelWrapper
from core.output import render
from core.output.encode import ENCODERS, Encoded
from core.runtime.queue import RequestQueue
from core.types import EngineOptions, Prediction, UInt8Array
from core.weights.registry import MOBILE, Weights, custom_weights
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA

CAT = CHELSEA.read_bytes()
CAT_SIZE = (451, 300)
# A deadline, in seconds, that no request of these tests exceeds, even on a slow machine.
NEVER = 3600
# An image whose aspect ratio is not among those of the warm-up.
UNUSUAL = encode(Image.new("RGB", (2, 1)))


@pytest.fixture(scope="module")
def model() -> ModelWrapper:
    """The model with the bundled graph, loaded."""
    model = ModelWrapper(
        custom_weights(MOBILE, None),
        EngineOptions(threads=2),
        RequestQueue(1, 4, NEVER),
        image_size=513,
        max_pixels=50_000_000,
    )
    model.loading.result()
    return model


class FakeEngine:
    """An engine that finds background everywhere; tests replace its methods."""

    def run(self, image: UInt8Array) -> UInt8Array:
        return np.zeros(image.shape[:2], np.uint8)

    def predict(self, image: UInt8Array) -> Prediction:
        return Prediction(self.run(image), None, 1)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine of the models that new_model() returns."""
    engine = FakeEngine()
    monkeypatch.setattr("core.runtime.engine.Engine", lambda graph, options: engine)
    return engine


def new_model(queue: RequestQueue | None = None, labels: Path | None = None) -> ModelWrapper:
    """Return a model with an image size of 64 pixels."""
    return ModelWrapper(
        custom_weights(MOBILE, labels),
        EngineOptions(threads=1),
        queue or RequestQueue(2, 2, NEVER),
        image_size=64,
        max_pixels=10**6,
    )


def loaded_model(queue: RequestQueue | None = None) -> ModelWrapper:
    model = new_model(queue)
    model.loading.result()
    return model


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that have decoded an image, one for each decoding."""
    threads: list[str] = []

    def counted(*arguments: Any, **options: Any) -> Photo:
        threads.append(threading.current_thread().name)
        return read_image(*arguments, **options)

    monkeypatch.setattr(core.model, "read_image", counted)
    return threads


@contextmanager
def blocked(queue: RequestQueue) -> Iterator[threading.Event]:
    """Occupy all workers of `queue` until the context ends or the event is set."""
    release = threading.Event()
    jobs = [queue.submit(release.wait) for _ in range(queue.workers)]
    try:
        yield release
    finally:
        release.set()
        for job in jobs:
            job.result()


def wait_until_waiting(queue: RequestQueue, requests: int) -> None:
    while queue.waiting != requests:
        time.sleep(0.001)


def image_of(encoded: Encoded) -> Image.Image:
    return Image.open(io.BytesIO(encoded.content))


# Loading.


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
    model = ModelWrapper(weights, EngineOptions(1), RequestQueue(2, 1, NEVER), image_size=513, max_pixels=1)
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
    monkeypatch.setattr(core.model, "MAX_WARM_UP_SECONDS", math.inf)
    monkeypatch.setattr(engine, "run", lambda image: shapes.append(image.shape))
    loaded_model(RequestQueue(workers, 4, NEVER))
    assert len(shapes) == 7 * workers
    assert len(set(shapes)) == 7


def test_model_warm_up_past_time_limit_ends_after_one_shape(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    monkeypatch.setattr(core.model, "MAX_WARM_UP_SECONDS", -1)
    monkeypatch.setattr(engine, "run", lambda image: shapes.append(image.shape))
    assert loaded_model(RequestQueue(1, 4, NEVER)).ready
    assert shapes == [(64, 64, 3)]


# Segmenting.


@pytest.mark.parametrize(("photo", "label", "fraction"), [(ASTRONAUT, "person", 0.4), (CHELSEA, "cat", 0.7)])
def test_segment_of_sample_photo_finds_its_subject(
    model: ModelWrapper, photo: Path, label: str, fraction: float
) -> None:
    encoded = model.segment(photo.read_bytes(), None)
    assert np.mean(encoded.seg_map == LABELS.index(label)) > fraction
    assert max(encoded.image_size) == 513


def test_segment_without_encoder_returns_label_map_without_content(model: ModelWrapper) -> None:
    encoded = model.segment(CAT, None)
    assert (encoded.content, encoded.mimetype) == (b"", "")
    assert encoded.image_size == (513, 341)


def test_segment_of_rotated_jpeg_has_size_of_upright_photo(model: ModelWrapper) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    with Image.open(CHELSEA) as cat:
        data = encode(cat.resize((900, 600)).rotate(90, expand=True), "JPEG", exif=exif)
    small = model.segment(data, ENCODERS["overlay"])
    large = model.segment(data, ENCODERS["overlay"], size="original")
    assert small.image_size == image_of(small).size == (513, 342)
    assert large.image_size == image_of(large).size == (900, 600)
    reduced = np.asarray(Image.fromarray(large.seg_map).resize((513, 342), Image.Resampling.NEAREST))
    assert np.mean(reduced == small.seg_map) > 0.995


def test_segment_with_classes_replaces_other_classes_by_background(model: ModelWrapper) -> None:
    before = model.segment(CAT, None).seg_map
    after = model.segment(CAT, None, classes={15}).seg_map
    assert np.array_equal(after, np.where(before == 15, 15, 0))
    assert 8 in before


@pytest.mark.parametrize("output", ENCODERS)
def test_segment_at_original_size_has_same_labels_for_each_encoder(model: ModelWrapper, output: str) -> None:
    expected = model.segment(CAT, None, size="original").seg_map
    assert expected.shape == (300, 451)
    assert np.array_equal(model.segment(CAT, ENCODERS[output], size="original").seg_map, expected)


@pytest.mark.parametrize("output", ["overlay", "cutout"])
def test_segment_at_original_size_renders_labels_of_mask_on_the_photo(model: ModelWrapper, output: str) -> None:
    mask = np.asarray(image_of(model.segment(CAT, ENCODERS["mask"], size="original")))
    photo = read_image(CAT, 10**6).image
    expected: Image.Image = getattr(render, output)(photo, mask)
    picture = image_of(model.segment(CAT, ENCODERS[output], size="original"))
    assert (picture.mode, picture.size) == (expected.mode, CAT_SIZE)
    assert picture.tobytes() == expected.tobytes()


@pytest.mark.parametrize("size", ["model", "original"])
@pytest.mark.parametrize("output", ENCODERS)
def test_segment_decodes_the_file_once(
    output: str, size: Any, engine: FakeEngine, decodings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded_model()
    opened: list[Any] = []
    open_image = Image.open

    def counted(file: Any, **options: Any) -> Image.Image:
        opened.append(file)
        return open_image(file, **options)

    monkeypatch.setattr(Image, "open", counted)
    model.segment(CAT, ENCODERS[output], size=size)
    assert len(decodings) == len(opened) == 1


def test_segment_observes_the_stages_of_a_request(engine: FakeEngine) -> None:
    stages: list[str] = []
    model = loaded_model(RequestQueue(1, 1, NEVER, observe=lambda stage, seconds: stages.append(stage)))
    model.segment(CAT, ENCODERS["map"])
    assert stages == ["queue", "decode", "inference", "encode"]


def test_segment_of_image_above_pixel_limit_raises_image_too_large(model: ModelWrapper) -> None:
    with pytest.raises(ImageTooLarge):
        model.segment(encode(Image.new("1", (10_000, 5_001))), None)


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


# The queue.


def test_segment_decodes_the_image_when_a_worker_takes_the_request(engine: FakeEngine, decodings: list[str]) -> None:
    queue = RequestQueue(1, 2, NEVER)
    model = loaded_model(queue)
    with ThreadPoolExecutor(1, thread_name_prefix="client") as client:
        with blocked(queue):
            result = client.submit(model.segment, CAT, None)
            wait_until_waiting(queue, 1)
            assert decodings == []
        assert result.result().image_size == (64, 42)
    [thread] = decodings
    assert thread.startswith("engine")


def test_segment_of_bad_image_waits_for_a_worker(engine: FakeEngine, decodings: list[str]) -> None:
    queue = RequestQueue(1, 2, NEVER)
    model = loaded_model(queue)
    with ThreadPoolExecutor(1, thread_name_prefix="client") as client:
        with blocked(queue):
            result = client.submit(model.segment, b"no image", None)
            wait_until_waiting(queue, 1)
        with pytest.raises(InvalidImage):
            result.result()
    [thread] = decodings
    assert thread.startswith("engine")


def test_segment_when_queue_is_full_raises_queue_full_without_decoding(
    engine: FakeEngine, decodings: list[str]
) -> None:
    queue = RequestQueue(1, 1, NEVER)
    model = loaded_model(queue)
    with ThreadPoolExecutor(1) as client, blocked(queue):
        client.submit(queue.run, int)
        wait_until_waiting(queue, 1)
        with pytest.raises(QueueFull):
            model.segment(CAT, None)
    assert decodings == []


def test_segment_for_disconnected_client_raises_client_gone_without_decoding(
    engine: FakeEngine, decodings: list[str]
) -> None:
    model = loaded_model()
    with pytest.raises(ClientGone):
        model.segment(CAT, None, is_connected=lambda: False)
    assert decodings == []


# Failures of the session.


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
    assert model.segment(CAT, None).image_size == (64, 42)


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


@pytest.mark.parametrize(("timeout", "limit"), [(NEVER, NEVER), (1, core.model.MIN_HANG_SECONDS)])
def test_session_that_hangs_is_broken_until_it_returns(
    timeout: float, limit: float, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
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
    monkeypatch.setattr(core.model, "time", SimpleNamespace(monotonic=lambda: now))
    with ThreadPoolExecutor(1) as client:
        try:
            result = client.submit(model.segment, CAT, None)
            began.wait()
            monkeypatch.setattr(queue, "timeout", timeout)
            now = limit
            assert model.ready
            now = limit + 1
            assert not model.ready
            assert model.broken == f"the session has hung for more than {limit:g} seconds"
            with pytest.raises(ModelNotReady, match="is being restarted"):
                model.segment(CAT, None)
        finally:
            release.set()
        result.exception()
    assert model.ready
