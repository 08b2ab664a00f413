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

# Control characters of C0 and C1, DEL, a line separator, and one that reverses the text of a terminal.
HOSTILE = "a\x1b[31m\r\x07\x08\x7f\x85\x9b31m\u2028\u202eb"
ESCAPED = r"a\x1b[31m\r\x07\x08\x7f\x85\x9b31m\u2028\u202eb"


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


def test_log_access_escapes_control_characters_and_bytes_of_path_that_are_not_utf8(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", "access"):
        log_access(0.001234, "/a\x1b[31m\xe9\xc3\xbc", remote="10.0.0.1", method="GET", status=404, bytes=10)
    [found] = caplog.records
    text = Handler("text", None).format(found)
    assert text.endswith(r"10.0.0.1 GET /a\x1b[31m\xe9ü 404 10 bytes 1.2 ms")
    line = json.loads(Handler("json", None).format(found))
    assert line["path"] == r"/a\x1b[31m\xe9ü"
    assert (line["remote"], line["method"], line["status"], line["bytes"]) == ("10.0.0.1", "GET", 404, 10)
    assert line["milliseconds"] == 1.2


@pytest.mark.parametrize("format_", ["text", "json"])
def test_handler_escapes_control_characters_in_message_traceback_fields_and_ids(format_: LogFormat) -> None:
    failed = record("message %s", HOSTILE)
    failed.fields = {"field": HOSTILE}
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        failed.exc_info = sys.exc_info()

    def formatted() -> str:
        request_ids.set({"request_id": HOSTILE})
        return Handler(format_, None).format(failed)

    text = copy_context().run(formatted)
    assert "".join(c for c in text if not c.isprintable()).strip("\n") == ""
    if format_ == "text":
        first, *trace = text.split("\n")
        assert first.endswith(f"message {ESCAPED} [{ESCAPED}]")
        assert trace[-1] == f"  ValueError: {ESCAPED}"
    else:
        line = json.loads(text)
        assert (line["message"], line["field"], line["request_id"]) == (f"message {ESCAPED}", ESCAPED, ESCAPED)
        assert line["exception"].endswith(f"\nValueError: {ESCAPED}")


def test_text_handler_writes_no_line_that_looks_like_another_record() -> None:
    forged = record("first\n%s", "[2026-01-01 00:00:00 +0000] INFO forged")
    try:
        raise ValueError("first\n[2026-01-01 00:00:00 +0000] INFO forged")
    except ValueError:
        forged.exc_info = sys.exc_info()
    first, *others = Handler("text", None).format(forged).split("\n")
    assert first.endswith(r"ERROR first\n[2026-01-01 00:00:00 +0000] INFO forged")
    assert len(others) > 3
    assert all(line.startswith("  ") for line in others)


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
