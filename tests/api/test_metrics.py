"""/metrics: every series that is promised, counted right, and as many for hostile requests as for good ones."""

from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import Metrics
from app import create_app
from config import Settings
from tests.support.http_client import upload
from tests.support.paths import CHELSEA


def samples(app: Flask) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the value of each series by its name and labels."""
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_what_the_service_does_is_counted(app: Flask) -> None:
    client = app.test_client()
    before = samples(app)
    assert client.post("/model/predict", **upload(CHELSEA.read_bytes())).status_code == 200
    assert client.post("/model/predict", **upload(b"no image")).status_code == 400
    after = samples(app)

    def grown(name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0)

    requests = {"method": "POST", "path": "/model/predict"}
    assert grown("segmenter_requests_total", **requests, status="200") == 1
    assert grown("segmenter_requests_total", **requests, status="400") == 1
    assert grown("segmenter_request_duration_seconds_count", path="/model/predict") == 2
    for stage in ("queue", "decode", "inference", "encode"):
        assert grown("segmenter_stage_duration_seconds_count", stage=stage) == 1
    assert grown("segmenter_stage_duration_seconds_sum", stage="inference") > 0.005
    assert grown("segmenter_images_total") == 1
    assert grown("segmenter_pixels_total") == 513 * 341
    assert after["segmenter_queue_requests", ()] == after["segmenter_queue_waiting", ()] == 0
    assert after["segmenter_queue_limit", ()] == 16
    assert after["segmenter_held_bytes", ()] < after["segmenter_held_limit_bytes", ()] == 512_000_000
    assert after["segmenter_model_ready", ()] == 1
    [info] = [dict(labels) for name, labels in after if name == "segmenter_model_info"]
    assert (info["model_type"], info["image_size"], info["canvas"]) == ("mobile", "513", "fit")
    assert len(info["graph_sha256"]) == 64
    assert after["process_resident_memory_bytes", ()] > 10**8


def test_requests_in_the_queue_are_seen(app: Flask) -> None:
    with app.extensions["model"].executor.admit():
        assert samples(app)["segmenter_queue_requests", ()] == 1


def test_no_request_can_make_new_series(app: Flask) -> None:
    client = app.test_client()
    client.get("/nope/0")
    client.open("/health/live", method="BREW0")
    client.get("/demo/0")
    before = samples(app).keys()
    for number in range(1, 20):
        client.get(f"/nope/{number}")
        client.open("/health/live", method=f"BREW{number}")
        client.get(f"/demo/{number}")
    assert samples(app).keys() == before


def test_a_model_that_is_not_ready_shows() -> None:
    app = create_app(Settings())
    assert samples(app)["segmenter_model_ready", ()] == 0
    app.extensions["model"].loading.result(timeout=60)
    assert samples(app)["segmenter_model_ready", ()] == 1


def test_each_application_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.count_image(2, 3)
    assert one.registry.get_sample_value("segmenter_pixels_total") == 6
    assert other.registry.get_sample_value("segmenter_pixels_total") == 0
