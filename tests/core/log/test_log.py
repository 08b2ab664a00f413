"""The log: its lines as text and as JSON, that they have nothing of the photos, and that no answer waits for them."""

import json
import logging
import os
import re
import subprocess
import sys
from contextvars import copy_context

import pytest
import requests

from core.log import STDERR, Handler, log_access, request_ids
from core.log.writer import MAX_WAITING
from core.types import LogFormat
from tests.support.blockable_service import BlockableService
from tests.support.paths import CHELSEA, ROOT
from tests.support.processes import process_group
from tests.support.service import APP, TIMEOUT, ServiceProcess, free_port, wait_for

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
    text = Handler("text", STDERR).format(found)
    assert text.endswith(r"10.0.0.1 GET /a\x1b[31m\xe9ü 404 10 bytes 1.2 ms")
    line = json.loads(Handler("json", STDERR).format(found))
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
        return Handler(format_, STDERR).format(failed)

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
    first, *others = Handler("text", STDERR).format(forged).split("\n")
    assert first.endswith(r"ERROR first\n[2026-01-01 00:00:00 +0000] INFO forged")
    assert len(others) > 3
    assert all(line.startswith("  ") for line in others)


def test_json_handler_writes_one_line() -> None:
    text = Handler("json", STDERR).format(record("first %s", "line\nsecond"))
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
    text = Handler(format_, STDERR).format(failed)
    assert "Traceback" in text
    assert "ValueError: the reason" in text


@pytest.mark.parametrize(
    ("format_", "expected"),
    [("text", r"ERROR the message \[7f3b 0af7\]$"), ("json", r'"request_id":"7f3b","trace_id":"0af7"')],
)
def test_handler_adds_ids_of_current_request(format_: LogFormat, expected: str) -> None:
    def formatted() -> str:
        request_ids.set({"request_id": "7f3b", "trace_id": "0af7"})
        return Handler(format_, STDERR).format(record("the message"))

    assert re.search(expected, copy_context().run(formatted))
    assert "7f3b" not in Handler(format_, STDERR).format(record("the message"))


def test_configure_makes_python_warnings_json_lines() -> None:
    code = (
        "import warnings; from core import log as logs; logs.configure('json'); warnings.warn('careful', stacklevel=1)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    line = json.loads(run.stderr)
    assert line["level"] == "warning"
    assert "UserWarning: careful" in line["message"]


def run_python(code: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run `code` after the log has been configured as JSON; `options` are those of subprocess.run()."""
    code = f"import logging, os; from core import log as logs; logs.configure('json'); {code}"
    options = {"capture_output": True} | options
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", code], cwd=ROOT, text=True, check=False, timeout=TIMEOUT, **options
    )


@pytest.mark.parametrize("end", ["logs.end(0)", "logs.fail('error: a')", "raise SystemExit"])
def test_end_of_process_writes_all_lines_before(end: str) -> None:
    run = run_python(f"[logging.warning('%d', number) for number in range(1000)]; {end}")
    messages = [json.loads(line)["message"] for line in run.stderr.splitlines() if line.startswith("{")]
    assert messages == [str(number) for number in range(1000)]
    assert run.stderr.endswith("\nerror: a\n") == (run.returncode == 1) == ("fail" in end)


@pytest.mark.parametrize("end", ["logs.end(0)", "logs.fail('error: a')", "raise SystemExit"])
def test_end_of_process_whose_log_nobody_reads_does_not_wait_for_it(end: str) -> None:
    unread, stderr = os.pipe()
    run = run_python(f"[logging.warning('a' * 1000) for _ in range(100)]; {end}", stderr=stderr, capture_output=False)
    assert run.returncode == ("fail" in end)
    for descriptor in (unread, stderr):
        os.close(descriptor)


ENVIRONMENT = os.environ | {"HOST": "127.0.0.1", "IMAGE_SIZE": "16", "LOG_FORMAT": "json"}
# A line of this request has 3 KB, so that the buffer is soon full.
LIVE = f"/health/live?{'a' * 3000}"
MANY = 2 * MAX_WAITING // 3000


def ask_for_many(service: ServiceProcess) -> None:
    """Send MANY requests, each of which must be answered."""
    with requests.Session() as session:
        for _ in range(MANY):
            assert session.get(f"{service.url}{LIVE}", timeout=TIMEOUT).status_code == 200


def test_service_whose_log_nobody_reads_answers_and_reports_dropped_lines_when_it_is_read() -> None:
    port, (reader, writer) = free_port(), os.pipe()
    with process_group(APP, env=ENVIRONMENT | {"PORT": str(port)}, stdout=writer, stderr=writer) as process:
        os.close(writer)
        service = ServiceProcess(process, port)
        service.wait_until(ready=True)
        ask_for_many(service)
        assert 0 < service.metric("segmenter_log_lines_dropped_total") < MANY
        with open(reader) as log:
            found = [json.loads(next(log))]
            while "dropped" not in found[-1]["message"]:
                found.append(json.loads(next(log)))
            [reported] = re.findall(r"dropped here: (\d+);", found[-1]["message"])
            assert int(reported) == service.metric("segmenter_log_lines_dropped_total")
            written = [line for line in found if line.get("path") == LIVE]
            assert MANY - len(written) <= int(reported) <= MANY - len(written) + 1  # one of /metrics
            assert service.stop() == 0
            # The log goes on, up to the last line.
            assert {line["path"] for line in map(json.loads, log)} == {"/metrics"}


# tests/core/log/test_writer.py has the other errors of writing.
@pytest.mark.parametrize("kind", ["full disk", "closed descriptors"])
def test_service_whose_log_can_not_be_written_answers(kind: str) -> None:
    port, writer = free_port(), os.open("/dev/full", os.O_WRONLY)
    command = ["sh", "-c", f"exec {' '.join(APP)} >&- 2>&-"] if kind == "closed descriptors" else APP
    with process_group(command, env=ENVIRONMENT | {"PORT": str(port)}, stdout=writer, stderr=writer) as process:
        os.close(writer)
        service = ServiceProcess(process, port)
        service.wait_until(ready=True)
        ask_for_many(service)
        dropped = service.metric("segmenter_log_lines_dropped_total")
        assert dropped == 0 if kind == "closed descriptors" else dropped >= MANY
        assert service.stop() == 0
