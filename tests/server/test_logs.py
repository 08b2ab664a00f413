"""The log: its lines as text and as JSON, and that they contain nothing of the photos."""

import json
import logging
import re
import subprocess
import sys
from contextvars import copy_context

import pytest
import requests

from core.types import LogFormat
from server.logs import Handler, log_access, request_ids
from tests.support.blockable_service import BlockableService
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import TIMEOUT, wait_for


def test_json_log_has_request_and_response_and_nothing_of_the_photo(small_service: BlockableService) -> None:
    with small_service.log.open() as log:
        log.seek(0, 2)
        headers = {"X-Request-ID": "mine", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        response = small_service.predict(CHELSEA.read_bytes(), headers=headers)
        requests.get(f"{small_service.url}/nope?a=\x1b[31m", timeout=TIMEOUT)
        written: list[str] = []

        def is_complete() -> bool:
            written.extend(log)
            text = "".join(written)
            return text.endswith("\n") and all(part in text for part in ("/model/predict", "/nope"))

        wait_for(is_complete)
    lines = [json.loads(line) for line in "".join(written).splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    [predicted] = [line for line in lines if line.get("path") == "/model/predict"]
    assert predicted["request_id"] == response.headers["X-Request-ID"] == "mine"
    assert (predicted["trace_id"], predicted["parent_id"]) == ("a" * 32, "b" * 16)
    assert response.headers["traceresponse"] == f"00-{'a' * 32}-{predicted['span_id']}-00"
    assert (predicted["method"], predicted["status"], predicted["remote"]) == ("POST", 200, "127.0.0.1")
    assert predicted["bytes"] == int(response.headers["Content-Length"])
    assert predicted["milliseconds"] > 0
    assert "JFIF" not in "".join(written)
    assert "seg_map" not in "".join(written)
    assert max(map(len, "".join(written).splitlines())) < 1000


def record(message: str, *arguments: object, level: int = logging.ERROR) -> logging.LogRecord:
    """Return a log record."""
    return logging.LogRecord("name", level, "file", 1, message, arguments, None)


def test_log_access_escapes_control_and_non_ascii_characters_of_path(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "access"):
        log_access(0.001234, "/a\x1b[31m\xe9", remote="10.0.0.1", method="GET", status=404, bytes=10)
    [found] = caplog.records
    assert found.getMessage() == r"10.0.0.1 GET /a\x1b[31m\xe9 404 10 bytes 1.2 ms"
    line = json.loads(Handler("json", None).format(found))
    assert line["path"] == r"/a\x1b[31m\xe9"
    assert (line["remote"], line["method"], line["status"], line["bytes"]) == ("10.0.0.1", "GET", 404, 10)
    assert line["milliseconds"] == 1.2


def test_json_handler_writes_one_line() -> None:
    text = Handler("json", None).format(record("first %s", "line\nsecond"))
    assert json.loads(text)["message"] == "first line\nsecond"
    assert json.loads(text).keys() == {"time", "level", "message"}
    assert "\n" not in text


@pytest.mark.parametrize("format_", ["text", "json"])
def test_handler_writes_traceback(format_: LogFormat) -> None:
    failed = record("it failed")
    try:
        raise ValueError("the reason")
    except ValueError:
        failed.exc_info = sys.exc_info()
    text = Handler(format_, None).format(failed)
    assert "Traceback" in text
    assert "ValueError: the reason" in text


@pytest.mark.parametrize(
    ("format_", "expected"),
    [("text", r"ERROR the message \[7f3b 0af7\]$"), ("json", r'"request_id":"7f3b","trace_id":"0af7"')],
)
def test_handler_adds_ids_of_current_request(format_: LogFormat, expected: str) -> None:
    def formatted() -> str:
        request_ids.set({"request_id": "7f3b", "trace_id": "0af7"})
        return Handler(format_, None).format(record("the message"))

    assert re.search(expected, copy_context().run(formatted))
    assert "7f3b" not in Handler(format_, None).format(record("the message"))


def test_configure_makes_python_warnings_json_lines() -> None:
    code = "import warnings; from server import logs; logs.configure('json'); warnings.warn('careful', stacklevel=1)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    line = json.loads(run.stderr)
    assert line["level"] == "warning"
    assert "UserWarning: careful" in line["message"]
