"""The log: what each line says, in both forms, and what none does."""

import json
import logging
from pathlib import Path

import pytest
import requests
from flask.testing import FlaskClient

from server.logs import Access, JsonFormatter, TextFormatter
from tests.support.http_client import send_raw
from tests.support.paths import CHELSEA
from tests.support.service import running_service


def test_every_answer_has_an_id_of_its_own(client: FlaskClient) -> None:
    ids = {client.get(path).headers["X-Request-ID"] for path in ("/health/live", "/nope", "/model/predict", "/")}
    assert len(ids) == 4


def test_a_clients_id_is_kept_if_it_can_be_nothing_else(client: FlaskClient) -> None:
    for given in ("7f3b", "trace:1/2+a=b.c_d-e", "a" * 128):
        assert client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    for given in ("", "a b", "a\x1b[31m", '"', "a" * 129, "é"):
        assert client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] != given


def test_json_lines_tell_who_asked_what_and_nothing_of_the_photo(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running_service(log=log, LOG_FORMAT="json") as service:
        answer = service.predict(CHELSEA.read_bytes(), headers={"X-Request-ID": "mine"})
        requests.get(f"{service.url}/nope?a=\x1b[31m", timeout=10)
        send_raw(service, b"", b"nonsense\r\n\r\n")
        assert service.stop() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    [predicted] = [line for line in lines if line.get("path") == "/model/predict"]
    assert predicted["request_id"] == answer.headers["X-Request-ID"] == "mine"
    assert (predicted["method"], predicted["status"], predicted["remote"]) == ("POST", 200, "127.0.0.1")
    assert predicted["bytes"] == int(answer.headers["Content-Length"])
    assert predicted["milliseconds"] > 1
    assert any(line["level"] == "warning" and "Invalid request" in line["message"] for line in lines)
    assert "JFIF" not in log.read_text()
    assert "seg_map" not in log.read_text()
    assert max(map(len, log.read_text().splitlines())) < 1000


def test_no_form_of_a_path_does_anything_to_a_terminal(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "access"):
        Access("7f3b", "10.0.0.1", "GET", "/a\x1b[31m\xe9", 404, 10, 1.234).log()
    [record] = caplog.records
    assert record.getMessage() == r"10.0.0.1 GET /a\x1b[31m\xe9 404 10 bytes 1.2 ms"
    assert json.loads(JsonFormatter().format(record))["path"] == r"/a\x1b[31m\xe9"


def test_a_record_is_one_line_whatever_is_in_it() -> None:
    record = logging.LogRecord("name", logging.ERROR, "file", 1, "first %s", ("line\nsecond",), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "first line\nsecond"
    assert "\n" not in JsonFormatter().format(record)
    record.request_id = "7f3b"
    assert TextFormatter().format(record).endswith("ERROR first line\nsecond [7f3b]")
