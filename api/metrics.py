"""GET /metrics: counters and gauges of the service, in the text format of Prometheus."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import get_args

from flask import Flask, Response
from flask_restx import Api
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from api.tracing import Spans
from core.model import ModelWrapper
from core.types import DecoderLoss, Observer, Stage

# Creation times of the series, which double their number and which no dashboard here uses.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Upper bounds in seconds: from a small image on a fast machine to the full model on a slow one.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = {"GET", "HEAD", "POST", "OPTIONS"}
# The responses to photos that are counted from 0: Prometheus sees no growth in a series that begins with 1.
STATUSES = (
    HTTPStatus.OK,
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


class CallbackCounter(Collector):
    """A counter without labels, whose number `value` returns at each scrape."""

    def __init__(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        self._name, self._documentation, self._value = name, documentation, value

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the counter, as prometheus_client asks for it."""
        yield CounterMetricFamily(self._name, self._documentation, self._value())


class Metrics(Observer):
    """The metrics of one application.

    Labels have a bounded number of values, whatever clients send: all unknown paths share one value. `spans` receive
    the requests and the stages, too.
    """

    def __init__(self, spans: Spans | None = None) -> None:
        self._spans = spans
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "segmenter_requests", "Requests with a response", ["method", "path", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "segmenter_request_duration_seconds",
            "From a request's head to its response",
            ["path"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "segmenter_stage_duration_seconds",
            "Duration of the stages of an image: waiting in the queue, decoding, inference, encoding",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._losses = Counter(
            "segmenter_decoder_losses", "Decoder processes that were replaced", ["cause"], registry=self.registry
        )
        for cause in get_args(DecoderLoss):
            self._losses.labels(cause)
        for stage in get_args(Stage):
            self._stages.labels(stage)
        self._images = Counter("segmenter_images", "Images segmented", registry=self.registry)
        self._pixels = Counter("segmenter_pixels", "Pixels of the results of these images", registry=self.registry)

    def observe(self, stage: Stage, seconds: float) -> None:
        """Record the duration of one `stage` of an image."""
        self._stages.labels(stage).observe(seconds)
        if self._spans:
            self._spans.add_stage(stage, seconds)

    def count_loss(self, cause: DecoderLoss) -> None:
        """Count a decoder process that ended, or that had to be ended."""
        self._losses.labels(cause).inc()

    def count_image(self, width: int, height: int) -> None:
        """Count a segmented image whose result has `width` x `height` pixels."""
        self._images.inc()
        self._pixels.inc(width * height)

    def expect(self, paths: Iterable[str]) -> None:
        """Begin to count the requests for `paths`, the routes that segment photos."""
        for path in paths:
            self._seconds.labels(path)
            for status in STATUSES:
                self._requests.labels("POST", path, int(status))

    def count_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request for `path`, a route, with its response's `status` after `seconds`."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, path, int(status)).inc()
        self._seconds.labels(path).observe(seconds)
        if self._spans:
            self._spans.add_request(method, path, int(status), seconds)

    def watch(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """Add a gauge that calls `value` at each scrape."""
        Gauge(f"segmenter_{name}", documentation, registry=self.registry).set_function(value)

    def watch_count(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """Add a counter that calls `value` at each scrape."""
        self.registry.register(CallbackCounter(f"segmenter_{name}", documentation, value))

    def watch_model(self, model: ModelWrapper) -> None:
        """Add gauges of the state of `model` and its queue."""
        queue = model.queue
        self.watch("queue_requests", "Requests that are running or waiting", lambda: queue.admitted)
        self.watch("queue_waiting", "Requests that are waiting", lambda: queue.waiting)
        self.watch("queue_limit", "Requests that may run or wait (QUEUE_SIZE)", lambda: queue.size)
        self.watch("model_ready", "Whether images can be segmented", lambda: model.ready)
        serving = {name: str(value) for name, value in model.serving.items()}
        info = Gauge("segmenter_model_info", "The model that is served", list(serving), registry=self.registry)
        info.labels(**serving).set(1)


def init(app: Flask, _api: Api) -> None:
    """Add GET /metrics to `app`. The server counts the requests."""

    @app.get("/metrics")
    def page() -> Response:
        return Response(generate_latest(app.extensions["metrics"].registry), content_type=CONTENT_TYPE_LATEST)
