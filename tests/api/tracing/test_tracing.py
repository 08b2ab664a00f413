"""Traces: a collector gets one span for each request and one for each stage, in the trace of the client."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from api.tracing import create_spans
from config import ConfigError, Settings
from tests.support.collector import Collector, collector, values
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, free_port, running_service

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STAGES = ["queue", "decode", "inference", "encode"]
PHOTO = CHELSEA.read_bytes()
# The clock that measures durations is not the one that tells the time, ns.
SLACK = 20_000_000
Traced = tuple[ServiceProcess, Collector]


@pytest.fixture(scope="module")
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """A service that exports its spans at once, and their collector."""
    log = tmp_path_factory.mktemp("traced") / "log"
    with collector() as found:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": found.url,
            "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=tests",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
        }
        with running_service(log=log, IMAGE_SIZE="65", **variables) as service:
            yield service, found
        assert "Traceback" not in log.read_text()


@pytest.fixture
def traced(exporting: Traced) -> Traced:
    """The same, with a collector that is empty."""
    exporting[1].received.clear()
    return exporting


def test_request_of_a_trace_has_spans_of_request_and_stages(traced: Traced) -> None:
    before = time.time_ns()
    response = traced[0].predict(PHOTO, headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"})
    spans = traced[1].wait_for_spans(5)
    request = spans.pop("POST /model/predict")
    assert [*spans] == STAGES
    assert {span.trace_id.hex() for span in traced[1].spans} == {TRACE}
    assert (request.parent_span_id.hex(), request.kind) == (PARENT, Span.SPAN_KIND_SERVER)
    assert response.headers["traceresponse"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert {span.parent_span_id for span in spans.values()} == {request.span_id}
    assert values(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/model/predict",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "segmenter.request_id": "mine",
    }
    times = [time_ for span in spans.values() for time_ in (span.start_time_unix_nano, span.end_time_unix_nano)]
    inside = [before, request.start_time_unix_nano, *times, request.end_time_unix_nano, time.time_ns()]
    assert all(later >= earlier - SLACK for earlier, later in pairwise(inside))
    resource = values(traced[1].received[0].resource.attributes)
    assert (resource["service.name"], resource["telemetry.sdk.name"]) == ("max-image-segmenter", "opentelemetry")
    assert traced[1].headers["x-tenant"] == "tests"


def test_request_without_trace_begins_one(traced: Traced) -> None:
    assert traced[0].predict(PHOTO).ok
    spans = traced[1].wait_for_spans(5)
    assert len({span.trace_id for span in spans.values()}) == 1
    assert [name for name, span in spans.items() if not span.parent_span_id] == ["POST /model/predict"]


def test_bad_photo_has_spans_of_its_status_and_of_the_stage_it_reached(traced: Traced) -> None:
    traced[0].predict(b"no photo")
    spans = traced[1].wait_for_spans(2)
    assert [*spans] == ["queue", "POST /model/predict"]
    request = spans["POST /model/predict"]
    assert values(request.attributes)["http.response.status_code"] == 400
    assert request.status.code == Status.STATUS_CODE_UNSET  # the client's fault


def test_requests_that_are_not_sampled_and_probes_have_no_spans(traced: Traced) -> None:
    service, found = traced
    assert service.predict(PHOTO, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"}).ok
    for path in ("/health/ready", "/metrics"):
        assert requests.get(service.url + path, timeout=TIMEOUT).ok
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert requests.get(f"{service.url}/nope", headers=headers, timeout=TIMEOUT).status_code == 404
    assert [*found.wait_for_spans(1)] == ["GET unknown"]


def test_service_that_ends_sends_its_last_spans(tmp_path: Path) -> None:
    with collector() as found:
        variables = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{found.url}/v1/traces", "OTEL_SERVICE_NAME": "photos"}
        # They are sent every hour.
        with running_service(
            log=tmp_path / "log", IMAGE_SIZE="65", OTEL_BSP_SCHEDULE_DELAY="3600000", **variables
        ) as service:
            assert service.predict(PHOTO).ok
            assert found.spans == []
            assert service.stop() == 0
        assert {span.name for span in found.spans} == {"POST /model/predict", *STAGES}
        assert values(found.received[0].resource.attributes)["service.name"] == "photos"


def test_service_without_its_collector_answers_and_ends(tmp_path: Path) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "10"}
    with running_service(log=tmp_path / "log", IMAGE_SIZE="65", **variables) as service:
        for _ in range(3):
            assert service.predict(PHOTO).ok
        assert service.stop() == 0


def test_spans_without_endpoint_are_none() -> None:
    assert create_spans(Settings()) is None


BASE, WHOLE = "otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint"


@pytest.mark.parametrize(
    ("settings", "endpoint"),
    [
        ({BASE: "http://a:4318"}, "http://a:4318/v1/traces"),
        ({BASE: "http://a/b/"}, "http://a/b/v1/traces"),
        ({WHOLE: "http://a/b"}, "http://a/b"),
        ({WHOLE: "http://a/b", BASE: "http://c"}, "http://a/b"),
        ({}, ""),
    ],
)
def test_traces_endpoint_is_that_of_the_specification(settings: dict[str, str], endpoint: str) -> None:
    variables = {name.upper(): value for name, value in settings.items()}
    assert Settings.from_environment(variables).traces_endpoint == endpoint


def test_endpoint_without_the_packages_raises_error_that_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install -r api/tracing/requirements\.txt"):
        Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a"})
