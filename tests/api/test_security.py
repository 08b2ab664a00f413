"""What every answer has, and what none says."""

import re

import pytest
import requests
from flask.testing import FlaskClient

from tests.support.bad_input import IMAGES, REQUESTS, Answer
from tests.support.http_client import send_raw
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import ServiceProcess

PATHS = ["/", "/swagger.json", "/demo", "/health/live", "/metrics", "/model/labels", "/nope", "/model/predict"]


@pytest.mark.parametrize("path", PATHS)
def test_no_answer_is_to_be_framed_sniffed_or_left_to_its_content(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("script-src" in policy) == (path in ("/", "/demo"))


def test_what_is_in_a_photo_is_for_nobodys_cache(service: ServiceProcess) -> None:
    assert service.predict(CHELSEA.read_bytes()).headers["Cache-Control"] == "no-store"
    assert service.predict(b"").headers["Cache-Control"] == "no-store"


def test_no_answer_tells_of_versions_paths_or_code(service: ServiceProcess) -> None:
    answers: list[Answer] = [requests.get(f"{service.url}{path}", timeout=30) for path in PATHS]
    answers += [send(service) for send, _, _ in REQUESTS.values()]
    answers += [service.predict(data) for data, _, _ in IMAGES.values()]
    answers += [send_raw(service, b"", start) for start in (b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n")]
    said = re.compile(rf"Traceback|site-packages|{re.escape(str(ROOT))}|/service/|(?i:werkzeug|gunicorn|pillow)")
    for answer in answers:
        assert not re.search(r"\d", answer.headers.get("Server", "")), answer.headers
        if answer.status_code >= 400:
            assert not said.search(answer.text), answer.text[:500]
