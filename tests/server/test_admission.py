"""Responses that are written before Flask: equal to Flask's, and only to requests that Flask would reject too."""

import re
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

import pytest
from flask import Flask
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from api.metrics import Metrics
from server.admission import Admission, parse_head, reject_malformed
from server.deadlines import HEAD
from tests.support.application import application, occupied, predict
from tests.support.bad_input import damaged_heads
from tests.support.connection_pair import Pair
from tests.support.http_client import FORM_TYPE, form
from tests.support.paths import CHELSEA

KEY = "a key"
ORIGIN = "https://page.example"
RIGHT_KEY = f"X-API-Key: {KEY}"


@pytest.fixture(scope="module")
def guarded(app: Flask) -> Flask:
    """An application with an API key and CORS for one origin."""
    return application(app.extensions["model"], api_key=KEY, cors_enable=True, cors_origins=(ORIGIN,))


@pytest.fixture
def busy(guarded: Flask) -> Iterator[Flask]:
    """The application, with a full queue."""
    queue = guarded.extensions["model"].queue
    with occupied(queue, queue.size):
        yield guarded


def request_bytes(*headers: str, start: str = "POST /model/predict HTTP/1.1") -> bytes:
    """Return a whole request with a photo and more `headers`."""
    body = form(CHELSEA.read_bytes())
    lines = [start, "Host: a", f"Content-Type: {FORM_TYPE}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def is_rejected(app: Flask, pair: Pair, data: bytes, *, last: bool = False) -> bool:
    """Send `data` from the client; return whether Admission has responded to it."""
    pair.client.sendall(data)
    admission: Admission = app.extensions["admission"]
    return admission.reject(pair.connection, last=last)


def rejection(app: Flask, pair: Pair, data: bytes, *, last: bool = False) -> tuple[str, Message, bytes]:
    """Return the status line, the headers and the body of the response to `data`."""
    assert is_rejected(app, pair, data, last=last)
    return parsed(pair.client.recv(1 << 16))


def parsed(response: bytes) -> tuple[str, Message, bytes]:
    """Return the status line, the headers and the body of a response."""
    head, _, body = response.partition(b"\r\n\r\n")
    status, _, headers = head.partition(b"\r\n")
    return status.decode(), message_from_bytes(headers), body


def rejections(app: Flask) -> float:
    """Return how many predict requests /metrics has counted with the status 503."""
    labels = {"method": "POST", "path": "/model/predict", "status": "503"}
    return app.extensions["metrics"].registry.get_sample_value("segmenter_requests_total", labels) or 0


def test_rejection_equals_response_of_flask(busy: Flask, pair: Pair) -> None:
    before = rejections(busy)
    status, headers, body = rejection(busy, pair, request_bytes(RIGHT_KEY, "X-Request-ID: mine"))
    by_flask = predict(busy.test_client(), headers={"X-API-Key": KEY, "X-Request-ID": "mine"})
    assert rejections(busy) == before + 2
    assert status.removeprefix("HTTP/1.1 ").upper() == by_flask.status
    assert body == by_flask.data
    # gunicorn, not Flask, adds the header Connection. A request without an Origin needs no header of CORS.
    assert headers["Connection"] == "keep-alive"
    del headers["Connection"]
    expected = {name: value for name, value in by_flask.headers.items() if not name.startswith("Access-Control-")}
    assert dict(headers.items()) == expected


def test_rejection_is_logged_with_its_request_id(busy: Flask, pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "access"):
        _, headers, body = rejection(busy, pair, request_bytes(RIGHT_KEY))
    [record] = caplog.records
    assert record.getMessage().startswith(f"10.0.0.1 POST /model/predict 503 {len(body)} bytes ")
    assert vars(record)["request_id"] == headers["X-Request-ID"]


@pytest.mark.parametrize(
    "headers",
    [(), ("X-API-Key: another key",), ("X-API-Key: ü",), ("X-API-Key: a", RIGHT_KEY), (RIGHT_KEY, f"Origin: {ORIGIN}")],
    ids=["no key", "wrong key", "key outside ASCII", "two keys", "origin"],
)
def test_request_without_right_key_or_with_origin_is_left_to_flask(
    busy: Flask, pair: Pair, headers: tuple[str, ...]
) -> None:
    assert not is_rejected(busy, pair, request_bytes(*headers))
    assert pair.connection.peek() == request_bytes(*headers)[:HEAD]


@pytest.mark.parametrize(
    "data",
    [
        request_bytes(RIGHT_KEY, start="GET /model/predict HTTP/1.1"),
        request_bytes(RIGHT_KEY, start="POST /model/labels HTTP/1.1"),
        request_bytes(RIGHT_KEY, "Expect: 100-continue"),
        request_bytes(RIGHT_KEY).replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX-Was: "),
        request_bytes(RIGHT_KEY).replace(b"Content-Length: ", b"Content-Length: " + 5000 * b"9"),
        request_bytes(RIGHT_KEY).replace(b"Content-Length: ", b"Content-Length: -"),
        request_bytes(RIGHT_KEY, "Content-Length: 1"),
        request_bytes(RIGHT_KEY, "X: a\r\n folded"),
        request_bytes(RIGHT_KEY, 10_000 * "long: "),
    ],
    ids=["GET", "other path", "Expect", "chunked", "long length", "negative length", "two lengths", "folded", "long"],
)
def test_request_that_is_not_in_plain_form_is_left_to_flask(busy: Flask, pair: Pair, data: bytes) -> None:
    assert not is_rejected(busy, pair, data)
    assert pair.connection.peek() == data[:HEAD]


def test_request_that_the_queue_has_a_place_for_is_left_to_flask(guarded: Flask, pair: Pair) -> None:
    assert not is_rejected(guarded, pair, request_bytes(RIGHT_KEY))
    assert pair.connection.peek() == request_bytes(RIGHT_KEY)[:HEAD]


def test_request_with_query_is_rejected(busy: Flask, pair: Pair) -> None:
    data = request_bytes(RIGHT_KEY, start="POST /model/predict?output=mask HTTP/1.1")
    assert rejection(busy, pair, data)[0].startswith("HTTP/1.1 503 ")


@pytest.mark.parametrize(
    ("headers", "last"),
    [(("Connection: close",), False), ((f"Content-Length: {10**9}",), False), ((), True)],
    ids=["Connection: close", "body over limit", "last"],
)
def test_rejection_of_last_request_closes_connection(
    busy: Flask, pair: Pair, headers: tuple[str, ...], last: bool
) -> None:
    data = request_bytes(RIGHT_KEY, *headers)
    if headers and "Content-Length" in headers[0]:
        data = re.sub(rb"Content-Length: \d{1,8}\r\n", b"", data)
    status, response_headers, _ = rejection(busy, pair, data, last=last)
    assert status.startswith("HTTP/1.1 503 ")
    assert response_headers["Connection"] == "close"
    assert pair.client.recv(1) == b""
    pair.client.close()
    while pair.connection.skip():
        pass


def test_parse_head_of_any_head_that_it_accepts_agrees_with_gunicorn() -> None:
    # If they differed, a client could hide a request in the body of another one (request smuggling).
    accepted, count = 0, 10_000
    for data in damaged_heads(count):
        head = parse_head(data)
        if head:
            accepted += 1
            request = next(RequestParser(Config(), [data], ("10.0.0.1", 1)))
            assert (request.method, request.path, request.uri) == ("POST", "/model/predict", head.target)
            assert {name.lower(): value for name, value in request.headers} == head.headers
            assert request.should_close() == head.is_last
            assert int(dict(request.headers).get("CONTENT-LENGTH", 0)) == head.body_size
    assert count / 20 < accepted < count * 19 / 20


@pytest.mark.parametrize(("given", "status"), [(400, 400), (431, 431), (501, 400)])
def test_reject_malformed_writes_json_and_counts_the_request(given: int, status: int) -> None:
    metrics = Metrics()
    server, client = socket.socketpair()
    with server, client:
        reject_malformed(metrics, server, given, "Reason", "the message")
        line, headers, body = parsed(client.recv(1 << 16))
    assert line.startswith(f"HTTP/1.1 {status} ")
    assert body == b'{"message":"the message"}\n'
    assert headers["Connection"] == "close"
    assert re.fullmatch("[0-9a-f]{32}", headers["X-Request-ID"])
    labels = {"method": "other", "path": "unknown", "status": str(status)}
    assert metrics.registry.get_sample_value("segmenter_requests_total", labels) == 1
