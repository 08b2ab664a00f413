"""A refusal that Flask never sees is the one that Flask would give; what is not for us to refuse comes to Flask."""

import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from email import message_from_bytes
from email.message import Message
from http import HTTPStatus
from http.client import BadStatusLine
from pathlib import Path
from threading import Event

import pytest
from flask import Flask
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from app import create_app
from config import Settings
from server.admission import Refusal, plain
from server.deadlines import HEAD, Connection
from tests.support.bad_input import REQUESTS
from tests.support.http_client import FORM_TYPE, form, send_raw, upload
from tests.support.paths import CHELSEA
from tests.support.service import running_service

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
def conn() -> Iterator[Connection]:
    """A connection with a client, whose end is its `client_end`."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    for end, option in ((ours, socket.SO_RCVBUF), (theirs, socket.SO_SNDBUF)):
        end.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
    with ours, theirs:
        conn = Connection(Config(), ours, ("10.0.0.1", 1), None)
        conn.client_end = theirs
        yield conn


def sent(*headers: str, start: str = "POST /model/predict HTTP/1.1") -> bytes:
    """Return a whole request for a photo's map."""
    body = form(CHELSEA.read_bytes())
    lines = [start, "Host: a", f"Content-Type: {FORM_TYPE}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refused(app: Flask, conn: Connection, data: bytes) -> bool:
    """Send `data` from the client; return whether it was refused."""
    conn.client_end.sendall(data)
    refusal: Refusal = app.extensions["refusal"]
    return refusal.refuse(conn)


def counted(app: Flask) -> float:
    labels = {"method": "POST", "path": "/model/predict", "status": "503"}
    return app.extensions["metrics"].registry.get_sample_value("segmenter_requests_total", labels) or 0


def answered(app: Flask, conn: Connection, data: bytes) -> tuple[str, Message, bytes]:
    """Return the status line, the headers and the body of the refusal of `data`."""
    assert refused(app, conn, data)
    head, _, body = conn.client_end.recv(1 << 16).partition(b"\r\n\r\n")
    status, _, headers = head.partition(b"\r\n")
    return status.decode(), message_from_bytes(headers), body


def test_it_is_flasks_own(busy: Flask, conn: Connection) -> None:
    before = counted(busy)
    status, headers, body = answered(busy, conn, sent(RIGHT, "X-Request-ID: mine"))
    long = busy.test_client().post(
        "/model/predict", **upload(CHELSEA.read_bytes()), headers={"X-API-Key": KEY, "X-Request-ID": "mine"}
    )
    assert counted(busy) == before + 2
    assert status.removeprefix("HTTP/1.1 ").upper() == long.status
    assert body == long.data
    # Which origins may read it is nobody's question here; how the connection goes on is not Flask's to say.
    assert headers["Connection"] == "keep-alive"
    del headers["Connection"]
    theirs = {name: value for name, value in long.headers.items() if not name.startswith("Access-Control-")}
    assert dict(headers.items()) == theirs


def test_it_is_logged_like_any_answer(busy: Flask, conn: Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "access"):
        _, headers, body = answered(busy, conn, sent(RIGHT))
    [record] = caplog.records
    assert record.getMessage().startswith(f"10.0.0.1 POST /model/predict 503 {len(body)} bytes ")
    assert vars(record)["request_id"] == headers["X-Request-ID"]


@pytest.mark.parametrize(
    "headers",
    [(), ("X-API-Key: another key",), ("X-API-Key: ü",), ("X-API-Key: a", RIGHT), (RIGHT, f"Origin: {ORIGIN}")],
)
def test_without_the_key_or_of_another_page_it_comes_to_flask(
    busy: Flask, conn: Connection, headers: tuple[str, ...]
) -> None:
    assert not refused(busy, conn, sent(*headers))
    assert conn.peek() == sent(*headers)[:HEAD]


@pytest.mark.parametrize(
    "data",
    [
        sent(RIGHT, start="GET /model/predict HTTP/1.1"),
        sent(RIGHT, start="POST /model/labels HTTP/1.1"),
        sent(RIGHT, "Expect: 100-continue"),
        sent(RIGHT).replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX-Was: "),
        sent(RIGHT).replace(b"Content-Length: ", b"Content-Length: " + 5000 * b"9"),
        sent(RIGHT).replace(b"Content-Length: ", b"Content-Length: -"),
        sent(RIGHT, "Content-Length: 1"),
        sent(RIGHT, "X: a\r\n folded"),
        sent(RIGHT, 10_000 * "long: "),
    ],
)
def test_so_does_what_is_not_simply_a_photo(busy: Flask, conn: Connection, data: bytes) -> None:
    assert not refused(busy, conn, data)
    assert conn.peek() == data[:HEAD]


def damaged(count: int) -> Iterator[bytes]:
    """Yield so many heads that were changed in some places, the same each time."""
    original = sent(RIGHT, "Connection: close", "X-Request-ID: mine").partition(b"\r\n\r\n")[0]
    chance = random.Random(0)  # noqa: S311
    pieces = [bytes([code]) for code in range(256)] + original.split(b"\r\n") + [b"\r\n", b": ", b"Content-Length: 1"]
    for _ in range(count):
        data = original
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            data = data[:at] + chance.choice(pieces) + data[at + chance.randint(0, 3) :]
        yield data + b"\r\n\r\n"


def test_what_is_taken_for_a_photo_by_its_head_is_the_same_request_to_gunicorn() -> None:
    """Else a client could hide one request in another's body, from a proxy or from us."""
    understood = 0
    for data in damaged(20_000):
        head = plain(data)
        if head:
            understood += 1
            request = next(RequestParser(Config(), [data], ("10.0.0.1", 1)))
            assert (request.method, request.path, request.uri) == ("POST", "/model/predict", head.target)
            assert {name.lower(): value for name, value in request.headers} == head.headers
            assert request.should_close() == head.is_last
            assert int(dict(request.headers).get("CONTENT-LENGTH", 0)) == head.body_size
    assert 1000 < understood < 19_000


def test_what_is_hostile_is_as_harmless_to_a_busy_service(tmp_path: Path) -> None:
    with running_service(log=tmp_path / "log", QUEUE_SIZE="1", IMAGE_SIZE="1024") as service:
        workers, over, answers = service.workers, Event(), Counter[int]()

        def crowd() -> None:
            while not over.is_set():
                answers[service.predict(CHELSEA.read_bytes()).status_code] += 1

        with ThreadPoolExecutor() as pool:
            crowds = [pool.submit(crowd) for _ in range(2)]
            try:
                for send, status, _ in REQUESTS.values():
                    assert send(service).status_code in {status, 503}
                refused = 0
                for data in damaged(500):
                    # The server may close the connection instead of answering bytes that are no request.
                    with suppress(BadStatusLine, ConnectionResetError):
                        status = send_raw(service, b"", data).status_code
                        assert status in {400, 404, 405, 408, 413, 414, 415, 431, 503, 505}
                        refused += status == HTTPStatus.SERVICE_UNAVAILABLE
            finally:
                over.set()
            for one in crowds:
                one.result()
        assert refused > 50
        assert answers.keys() == {200, 503}
        assert service.workers == workers
        assert service.predict(CHELSEA.read_bytes()).status_code == 200
        assert service.stop() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_and_what_there_is_room_for(app: Flask, conn: Connection) -> None:
    assert not refused(app, conn, sent(RIGHT))
    assert conn.peek() == sent(RIGHT)[:HEAD]


def test_the_query_is_no_other_address(busy: Flask, conn: Connection) -> None:
    data = sent(RIGHT, start="POST /model/predict?output=mask HTTP/1.1")
    assert answered(busy, conn, data)[0].startswith("HTTP/1.1 503 ")


def test_what_the_client_still_sends_is_taken_as_it_comes_and_the_next_request_is_there(
    busy: Flask, conn: Connection
) -> None:
    data = sent(RIGHT)
    assert answered(busy, conn, data[:-1000])[1]["Connection"] == "keep-alive"
    assert conn.skip()
    assert conn.left == 1000
    assert conn.skip()  # nothing has come
    assert conn.left == 1000
    conn.client_end.sendall(data[-1000:] + b"GET / HTTP/1.1")
    assert conn.skip()
    assert conn.left == 0
    assert conn.peek() == b"GET / HTTP/1.1"


def test_it_is_given_up_when_its_time_is_over_or_the_client_has_gone(busy: Flask, conn: Connection) -> None:
    answered(busy, conn, sent(RIGHT)[:-1000])
    conn.deadline = 0
    assert not conn.skip()
    conn.deadline = float("inf")
    conn.client_end.close()
    assert not conn.skip()


@pytest.mark.parametrize("more", [("Connection: close",), (f"Content-Length: {10**9}",)])
def test_nothing_follows_where_the_client_says_so_or_sends_too_much(
    busy: Flask, conn: Connection, more: tuple[str, ...]
) -> None:
    data = sent(RIGHT, *more)
    if "Content-Length" in more[0]:
        data = re.sub(rb"Content-Length: \d{1,8}\r\n", b"", data)
    status, headers, _ = answered(busy, conn, data)
    assert status.startswith("HTTP/1.1 503 ")
    assert headers["Connection"] == "close"
    assert conn.client_end.recv(1) == b""
    while conn.skip():
        conn.client_end.close()


def test_who_does_not_read_is_not_waited_for(busy: Flask, conn: Connection) -> None:
    with pytest.raises(BlockingIOError):  # noqa: PT012 - one of many
        for _ in range(10_000):
            refused(busy, conn, sent(RIGHT))
            while conn.left:
                assert conn.skip()
