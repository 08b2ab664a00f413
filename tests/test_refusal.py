"""A refusal that Flask never sees is the one that Flask would give; what is not for us to refuse comes to Flask."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from api.refusal import Refusal
from app import create_app
from config import Settings
from tests.conftest import CHELSEA
from tests.test_api import upload
from tests.test_bad_input import BOUNDARY
from tests.test_server import form

KEY = "a key"
ORIGIN = "https://page.example"
RIGHT = f"X-API-Key: {KEY}"


@pytest.fixture(scope="module")
def app() -> Flask:
    """An application that has all that might differ: a key and another page's origin."""
    app = create_app(Settings(api_key=KEY, cors_enable=True, cors_origins=(ORIGIN,)))
    app.extensions["model"].loading.result(timeout=60)
    return app


@pytest.fixture
def busy(app: Flask) -> Iterator[Flask]:
    executor = app.extensions["model"].executor
    with ExitStack() as places:
        for _ in range(executor.size):
            places.enter_context(executor.admit())
        yield app


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The service's socket and its client's."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.settimeout(10)
        yield ours, theirs


def sent(*headers: str, start: str = "POST /model/predict HTTP/1.1") -> bytes:
    """Return a whole request for a photo's map."""
    body = form(CHELSEA.read_bytes())
    lines = [start, "Host: a", f"Content-Type: {BOUNDARY}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def parsed(pair: tuple[socket.socket, socket.socket], data: bytes) -> Any:
    """Return what gunicorn makes of `data`, sent by the client."""
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    theirs.sendall(data)
    return next(RequestParser(Config(), ours, ("10.0.0.1", 1)))


def counted(app: Flask) -> float:
    labels = {"method": "POST", "path": "/model/predict", "status": "503"}
    return app.extensions["metrics"].registry.get_sample_value("segmenter_requests_total", labels) or 0


def answered(app: Flask, pair: tuple[socket.socket, socket.socket], data: bytes) -> tuple[str, Message, bytes, bool]:
    """Return the status line, the headers and the body of the refusal of `data`, and whether another may follow."""
    refusal: Refusal = app.extensions["refusal"]
    request = parsed(pair, data)
    error = refusal.reason(request)
    assert error
    keep = refusal.answer(error, request, pair[0], ("10.0.0.1", 1))
    head, _, body = pair[1].recv(1 << 16).partition(b"\r\n\r\n")
    status, _, headers = head.partition(b"\r\n")
    return status.decode(), message_from_bytes(headers), body, keep


def test_it_is_flasks_own(busy: Flask, pair: tuple[socket.socket, socket.socket]) -> None:
    before = counted(busy)
    status, headers, body, keep = answered(busy, pair, sent(RIGHT, "X-Request-ID: mine"))
    long = busy.test_client().post(
        "/model/predict", **upload(CHELSEA.read_bytes()), headers={"X-API-Key": KEY, "X-Request-ID": "mine"}
    )
    assert counted(busy) == before + 2
    assert status.removeprefix("HTTP/1.1 ").upper() == long.status
    assert body == long.data
    # Which origins may read it is nobody's question here; how the connection goes on is not Flask's to say.
    assert keep
    assert headers["Connection"] == "keep-alive"
    del headers["Connection"]
    theirs = {name: value for name, value in long.headers.items() if not name.startswith("Access-Control-")}
    assert dict(headers.items()) == theirs


def test_it_is_logged_like_any_answer(
    busy: Flask, pair: tuple[socket.socket, socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "access"):
        _, headers, body, _ = answered(busy, pair, sent(RIGHT))
    [record] = caplog.records
    assert record.getMessage().startswith(f"10.0.0.1 POST /model/predict 503 {len(body)} bytes ")
    assert vars(record)["request_id"] == headers["X-Request-ID"]


@pytest.mark.parametrize(
    "headers",
    [(), ("X-API-Key: another key",), ("X-API-Key: ü",), ("X-API-Key: a", RIGHT), (RIGHT, f"Origin: {ORIGIN}")],
)
def test_without_the_key_or_of_another_page_it_comes_to_flask(
    busy: Flask, pair: tuple[socket.socket, socket.socket], headers: tuple[str, ...]
) -> None:
    assert busy.extensions["refusal"].reason(parsed(pair, sent(*headers))) is None


@pytest.mark.parametrize(
    "data",
    [
        sent(RIGHT, start="GET /model/predict HTTP/1.1"),
        sent(RIGHT, start="POST /model/labels HTTP/1.1"),
        sent(RIGHT, "Expect: 100-continue"),
        sent(RIGHT).replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX-Was: "),
    ],
)
def test_so_does_what_is_not_simply_a_photo(
    busy: Flask, pair: tuple[socket.socket, socket.socket], data: bytes
) -> None:
    assert busy.extensions["refusal"].reason(parsed(pair, data)) is None


def test_and_what_there_is_room_for(app: Flask, pair: tuple[socket.socket, socket.socket]) -> None:
    assert app.extensions["refusal"].reason(parsed(pair, sent(RIGHT))) is None


def test_the_query_is_no_other_address(busy: Flask, pair: tuple[socket.socket, socket.socket]) -> None:
    data = sent(RIGHT, start="POST /model/predict?output=mask HTTP/1.1")
    assert answered(busy, pair, data)[0].startswith("HTTP/1.1 503 ")


def test_nothing_follows_where_the_client_or_the_body_says_so(
    busy: Flask, pair: tuple[socket.socket, socket.socket]
) -> None:
    status, headers, _, keep = answered(busy, pair, sent(RIGHT, "Connection: close"))
    assert status.startswith("HTTP/1.1 503 ")
    assert headers["Connection"] == "close"
    assert not keep


def test_a_body_that_does_not_come_is_answered_all_the_same(
    busy: Flask, pair: tuple[socket.socket, socket.socket]
) -> None:
    pair[0].settimeout(0.1)
    status, headers, _, keep = answered(busy, pair, sent(RIGHT)[:-1000])
    assert status.startswith("HTTP/1.1 503 ")
    assert headers["Connection"] == "close"
    assert not keep
