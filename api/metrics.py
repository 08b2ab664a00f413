"""GET /metrics: what the service has done and is doing, as Prometheus reads it."""

from time import monotonic

from flask import Flask, Response, g, request
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

from api.uploads import Memory
from core.model import ModelWrapper
from core.types import Stage

# A time for each series, which nothing here needs.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Seconds; from a small image on a fast machine to the full model's deadline on a slow one.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
UNKNOWN = "unknown"
METHODS = {"GET", "HEAD", "POST", "OPTIONS"}


class Metrics:
    """The counters of one application. A label has few values, whatever is sent: an unknown path is one of them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "segmenter_requests", "Requests answered", ["method", "path", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "segmenter_request_duration_seconds",
            "From a request's head to its answer",
            ["path"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "segmenter_stage_duration_seconds",
            "What the time of an image goes to: its turn in the queue, decoding, inference, encoding the answer",
            ["stage"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._images = Counter("segmenter_images", "Images segmented", registry=self.registry)
        self._pixels = Counter("segmenter_pixels", "Pixels of the maps of these images", registry=self.registry)

    def observe(self, stage: Stage, seconds: float) -> None:
        """Count one `stage` of an image."""
        self._stages.labels(stage).observe(seconds)

    def count_image(self, width: int, height: int) -> None:
        """Count an image that was segmented, by the size of its map."""
        self._images.inc()
        self._pixels.inc(width * height)

    def count_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request for `path`, a route or UNKNOWN, that was answered with `status` after `seconds`."""
        self._requests.labels(method if method in METHODS else "other", path, int(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def watch(self, model: ModelWrapper, memory: Memory) -> None:
        """Show the state of `model` and `memory` as it is whenever it is asked for."""
        queue = model.executor
        for name, documentation, value in (
            ("queue_requests", "Requests being worked on or waiting", lambda: queue.admitted),
            ("queue_waiting", "Requests waiting for their turn", lambda: queue.waiting),
            ("queue_limit", "Requests that may be worked on or waiting (QUEUE_SIZE)", lambda: queue.size),
            ("held_bytes", "Uploads and answers in memory", lambda: memory.held),
            ("held_limit_bytes", "How much that may be", lambda: memory.limit),
            ("model_ready", "Whether images can be segmented", lambda: model.ready),
        ):
            Gauge(f"segmenter_{name}", documentation, registry=self.registry).set_function(value)
        serving = {name: str(value) for name, value in model.metadata["serving"].items()}
        info = Gauge("segmenter_model_info", "The model that is served", list(serving), registry=self.registry)
        info.labels(**serving).set(1)


def install(app: Flask, metrics: Metrics) -> None:
    """Give `app` the page of `metrics`, and count what it answers."""

    @app.before_request
    def begin() -> None:
        g.began = monotonic()

    @app.after_request
    def count(response: Response) -> Response:
        path = request.url_rule.rule if request.url_rule else UNKNOWN
        metrics.count_request(request.method, path, response.status_code, monotonic() - g.began)
        return response

    @app.get("/metrics")
    def page() -> Response:
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)
