"""The log: its lines as text and as JSON, and that they contain nothing of the photos."""

import json
import logging
import subprocess
import sys

import pytest
import requests

from server.logs import AccessRecord, JsonFormatter, TextFormatter
from tests.support.blockable_service import BlockableService
from tests.support.http_client import send_raw
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import TIMEOUT, wait_for


def test_json_log_has_request_and_response_and_nothing_of_the_photo(small_service: BlockableService) -> None:
    with small_service.log.open() as log:
        log.seek(0, 2)
        response = small_service.predict(CHELSEA.read_bytes(), headers={"X-Request-ID": "mine"})
        requests.get(f"{small_service.url}/nope?a=\x1b[31m", timeout=TIMEOUT)
        send_raw(small_service, b"", b"nonsense\r\n\r\n")
        written: list[str] = []

        def is_complete() -> bool:
            written.extend(log)
            text = "".join(written)
            return text.endswith("\n") and all(part in text for part in ("/model/predict", "/nope", "Invalid request"))

        wait_for(is_complete)
    lines = [json.loads(line) for line in "".join(written).splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    [predicted] = [line for line in lines if line.get("path") == "/model/predict"]
    assert predicted["request_id"] == response.headers["X-Request-ID"] == "mine"
    assert (predicted["method"], predicted["status"], predicted["remote"]) == ("POST", 200, "127.0.0.1")
    assert predicted["bytes"] == int(response.headers["Content-Length"])
    assert predicted["milliseconds"] > 0
    assert any(line["level"] == "warning" and "Invalid request" in line["message"] for line in lines)
    assert "JFIF" not in "".join(written)
    assert "seg_map" not in "".join(written)
    assert max(map(len, "".join(written).splitlines())) < 1000


def test_access_record_escapes_control_and_non_ascii_characters_of_path(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "access"):
        AccessRecord("7f3b", "10.0.0.1", "GET", "/a\x1b[31m\xe9", 404, 10, 1.234).log()
    [record] = caplog.records
    assert record.getMessage() == r"10.0.0.1 GET /a\x1b[31m\xe9 404 10 bytes 1.2 ms"
    assert json.loads(JsonFormatter().format(record))["path"] == r"/a\x1b[31m\xe9"


def test_json_formatter_writes_one_line() -> None:
    record = logging.LogRecord("name", logging.ERROR, "file", 1, "first %s", ("line\nsecond",), None)
    assert json.loads(JsonFormatter().format(record))["message"] == "first line\nsecond"
    assert "\n" not in JsonFormatter().format(record)


def test_text_formatter_appends_request_id() -> None:
    record = logging.LogRecord("name", logging.ERROR, "file", 1, "the message", (), None)
    assert TextFormatter().format(record).endswith("ERROR the message")
    record.request_id = "7f3b"
    assert TextFormatter().format(record).endswith("ERROR the message [7f3b]")


def test_configure_makes_python_warnings_json_lines() -> None:
    code = "import warnings; from server import logs; logs.configure('json'); warnings.warn('careful', stacklevel=1)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    line = json.loads(run.stderr)
    assert line["level"] == "warning"
    assert "UserWarning: careful" in line["message"]
