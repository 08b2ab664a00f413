"""HTTP/1.1 as RFC 9112 requires it: ambiguous and malformed requests are rejected, and no hidden request is answered.

The server's parser rejects most of them with an empty response, the gate the rest with a message.
"""

import json

import pytest

from tests.support.blockable_service import BlockableService
from tests.support.http_client import connect, exchange, get, received

HOST = b"Host: a\r\n"
LAST = b"Connection: close\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def answer(service: BlockableService, data: bytes) -> tuple[int, bytes]:
    """Return the status of the first response to `data`, or 0, and all bytes that follow until the connection ends."""
    with connect(service) as connection:
        connection.sendall(data)
        try:
            response = received(connection)
        except ConnectionResetError:
            return 0, b""
    return int(response.split(b" ", 2)[1]) if response else 0, response


# By name: bytes that the parser rejects.
MALFORMED = {
    "not HTTP": b"nonsense\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/0.9": b"GET /health/live\r\n\r\n",
    "unknown version": b"GET /health/live HTTP/1.2\r\n" + HOST + LAST,
    "version 9": b"GET /health/live HTTP/9.9\r\n" + HOST + LAST,
    "space before colon": b"GET /health/live HTTP/1.1\r\nHost : a\r\n" + LAST,
    "obs-fold": b"GET /health/live HTTP/1.1\r\n" + HOST + b"X-A: b\r\n c\r\n" + LAST,
    "bare CR": b"GET /health/live HTTP/1.1\r\n" + HOST + b"X-A: b\rX-B: c\r\n" + LAST,
    "NUL": b"GET /health/live HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n" + LAST,
    "bytes in path": b"GET /health/\xff HTTP/1.1\r\n" + HOST + LAST,
    "two lengths": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" + HIDDEN,
    "list of lengths": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 4\r\n\r\nabcd" + HIDDEN,
    "negative length": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: -3\r\n\r\nabc" + HIDDEN,
    "signed length": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc" + HIDDEN,
    "length in hexadecimal": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 0x3\r\n\r\nabc" + HIDDEN,
    "absurd length": b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc" + HIDDEN,
    "unknown coding": b"POST /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n" + HIDDEN,
    "chunked is not last": b"POST /a HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"
    + HIDDEN,
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_request_is_rejected_and_ends_the_connection(small_service: BlockableService, kind: str) -> None:
    status, response = answer(small_service, MALFORMED[kind])
    assert status == 400
    assert response.count(b"HTTP/1.1 ") == 1


CHUNKED = b"POST /model/predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
# By name: bytes that the parser accepts and the gate rejects, the status, and a part of the message.
AMBIGUOUS = {
    "two hosts": (b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + LAST, 400, "send one header Host"),
    "no host": (b"GET /health/live HTTP/1.1\r\n" + LAST, 400, "send one header Host"),
    "two codings": (
        b"POST /model/predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        400,
        "Transfer-Encoding: gzip, chunked is not served",
    ),
    "chunked twice": (
        b"POST /model/predict HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        + HIDDEN,
        400,
        "Transfer-Encoding: chunked,chunked is not served",
    ),
    "unknown expectation": (
        b"POST /model/predict HTTP/1.1\r\n" + HOST + b"Expect: more\r\nContent-Length: 3\r\n\r\nabc",
        417,
        "Expect: more is not served",
    ),
    "bad chunk": (
        CHUNKED + b"zz\r\n" + HIDDEN,
        400,
        "its chunks are not valid",
    ),
    "chunk without end": (
        b"POST /model/predict HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n"
        + HIDDEN,
        400,
        "its chunks are not valid",
    ),
    "huge chunk": (
        b"POST /model/predict HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + b"f" * 20
        + b"\r\n"
        + HIDDEN,
        400,
        "its chunks are not valid",
    ),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_ambiguous_request_returns_error_with_message(small_service: BlockableService, kind: str) -> None:
    data, expected, part = AMBIGUOUS[kind]
    with connect(small_service) as connection:
        connection.sendall(data)
        # The gate waits for the rest of some of these bodies before it closes the connection.
        response = exchange(connection, b"")
    assert response.status_code == expected
    assert part in json.loads(response.content)["message"]


def test_request_with_length_and_coding_is_the_last_one_of_its_connection(small_service: BlockableService) -> None:
    # The parser ignores the length, as RFC 9112, 6.3 allows, and closes the connection, so that nothing can hide in it.
    head = b"POST /health/live HTTP/1.1\r\n" + HOST + b"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, response = answer(small_service, head + b"0\r\n\r\n" + HIDDEN)
    assert status == 405
    assert response.count(b"HTTP/1.1 ") == 1
    assert b"/hidden" not in response


def test_heads_over_the_limits_are_rejected(small_service: BlockableService) -> None:
    start = b"GET /health/live HTTP/1.1\r\n" + HOST
    assert answer(small_service, start + b"X: " + b"a" * 9_000 + b"\r\n" + LAST)[0] == 431
    assert answer(small_service, start + b"X: " + b"a" * 200_000 + b"\r\n" + LAST)[0] == 431
    assert answer(small_service, start + b"".join(b"X%d: a\r\n" % n for n in range(101)) + LAST)[0] == 431
    assert answer(small_service, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + LAST)[0] in {414, 431}
    assert answer(small_service, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + LAST)[0] == 414


def test_pipelined_requests_are_answered_in_order(small_service: BlockableService) -> None:
    with connect(small_service) as connection:
        connection.sendall(get("/health/live") + get("/nope") + b"GET /health/live HTTP/1.1\r\n" + HOST + LAST)
        response = received(connection)
    assert [part[:3] for part in response.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_request_with_expect_gets_100_before_its_body_only_if_it_is_served(small_service: BlockableService) -> None:
    head = b"POST /model/predict HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with connect(small_service) as connection:
        connection.sendall(head % 3)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    with connect(small_service) as connection:
        connection.sendall(head % 10**9)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_http_1_0_request_is_answered_and_closed(small_service: BlockableService) -> None:
    status, response = answer(small_service, b"GET /health/live HTTP/1.0\r\n\r\n")
    assert status == 200
    assert response.endswith(b'{"status": "ok"}\n')


def test_absolute_target_is_served(small_service: BlockableService) -> None:
    assert answer(small_service, b"GET http://a/health/live HTTP/1.1\r\n" + HOST + LAST)[0] == 200
