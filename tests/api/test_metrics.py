"""/metrics: each series, its value, and that no request can add a series."""

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from api.metrics import Metrics
from core.model import ModelWrapper
from tests.support.application import application, occupied, predict
from tests.support.http_client import upload

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(client: Client) -> Samples:
    """Return the value of each series by its name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=")
    families = text_string_to_metric_families(response.get_data(as_text=True))
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_metrics_of_good_and_bad_predict_count_requests_stages_and_pixels(client: Client) -> None:
    before = samples(client)
    assert predict(client).status_code == 200
    assert client.post("/model/predict", **upload(b"no image")).status_code == 400
    after = samples(client)

    def growth(name: str, **labels: str) -> float:
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0)

    requests = {"method": "POST", "path": "/model/predict"}
    assert growth("segmenter_requests_total", **requests, status="200") == 1
    assert growth("segmenter_requests_total", **requests, status="400") == 1
    assert growth("segmenter_request_duration_seconds_count", path="/model/predict") == 2
    # The queue observes the bad image too.
    assert growth("segmenter_stage_duration_seconds_count", stage="queue") == 2
    for stage in ("decode", "inference", "encode"):
        assert growth("segmenter_stage_duration_seconds_count", stage=stage) == 1
        assert growth("segmenter_stage_duration_seconds_sum", stage=stage) > 0
    assert growth("segmenter_images_total") == 1
    assert growth("segmenter_pixels_total") == 513 * 341


def test_metrics_have_gauges_of_queue_memory_and_model(client: Client) -> None:
    found = samples(client)
    assert found["segmenter_queue_requests", ()] == found["segmenter_queue_waiting", ()] == 0
    assert found["segmenter_queue_limit", ()] == 16
    assert found["segmenter_held_bytes", ()] < found["segmenter_held_limit_bytes", ()] == 512_000_000
    assert found["segmenter_model_ready", ()] == 1
    [info] = [dict(labels) for name, labels in found if name == "segmenter_model_info"]
    assert (info["model_type"], info["image_size"], info["canvas"]) == ("mobile", "513", "fit")
    assert len(info["graph_sha256"]) == 64
    assert found["process_resident_memory_bytes", ()] > 10**8


def test_metrics_with_occupied_queue_count_running_and_waiting_requests(app: Flask, client: Client) -> None:
    model: ModelWrapper = app.extensions["model"]
    with occupied(model.queue, model.queue.workers + 3):
        found = samples(client)
    assert found["segmenter_queue_requests", ()] == model.queue.workers + 3
    assert found["segmenter_queue_waiting", ()] == 3


def test_metrics_after_requests_with_any_paths_and_methods_have_the_same_series(client: Client) -> None:
    def ask(number: int) -> None:
        client.get(f"/nope/{number}")
        client.open("/health/live", method=f"BREW{number}")
        client.get(f"/demo/{number}")

    ask(0)
    before = samples(client).keys()
    for number in range(1, 20):
        ask(number)
    assert samples(client).keys() == before


def test_metrics_name_paths_of_files_without_werkzeugs_patterns(client: Client) -> None:
    for path in ("/demo/page.css", "/swagger.css", "/swaggerui/swagger-ui.css"):
        assert client.get(path).status_code == 200
    paths = {dict(labels).get("path", "") for _, labels in samples(client)}
    assert {"/demo/{name}", "/{name}", "/swaggerui/{filename}"} <= paths
    assert not [path for path in paths if "<" in path]


def test_metrics_of_new_application_begin_at_0(app: Flask) -> None:
    found = samples(application(app.extensions["model"]).test_client())
    counters = {name: value for (name, _), value in found.items() if name.endswith(("_total", "_count", "_bucket"))}
    own = {name: value for name, value in counters.items() if name.startswith("segmenter_")}
    assert {
        "segmenter_requests_total",
        "segmenter_stage_duration_seconds_count",
        "segmenter_images_total",
    } <= own.keys()
    assert {*own.values()} == {0}
    for path in ("/model/predict", "/hf/image-segmentation", "/v2/models/max-image-segmenter/infer"):
        for status in ("200", "400", "500", "503"):
            key = (("method", "POST"), ("path", path), ("status", status))
            assert found["segmenter_requests_total", key] == 0


def test_metrics_of_loading_model_say_that_it_is_not_ready(loading_app: Flask) -> None:
    assert samples(loading_app.test_client())["segmenter_model_ready", ()] == 0


def test_metrics_of_two_applications_are_separate() -> None:
    one, other = Metrics(), Metrics()
    one.count_image(2, 3)
    assert one.registry.get_sample_value("segmenter_pixels_total") == 6
    assert other.registry.get_sample_value("segmenter_pixels_total") == 0


@pytest.mark.parametrize(("method", "label"), [("GET", "GET"), ("BREW", "other"), ("", "other")])
def test_metrics_count_request_with_unknown_method_as_other(method: str, label: str) -> None:
    metrics = Metrics()
    metrics.count_request(method, "/nope", 405, 0.1)
    labels = {"method": label, "path": "/nope", "status": "405"}
    assert metrics.registry.get_sample_value("segmenter_requests_total", labels) == 1
