"""Deadlines of clients: for a request, for a response, and for the end of a connection."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from server import deadlines
from server.deadlines import HEAD, LINGER_BYTES, linger
from tests.support.connection_pair import Pair
from tests.support.http_client import connect, form, post, received
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, running_service, wait_for

# The deadline of the service in seconds: long enough for its requests, which take milliseconds, on a busy machine.
REQUEST_TIMEOUT = 3


def test_peek_returns_received_bytes_and_consumes_none(pair: Pair) -> None:
    assert pair.connection.peek() == b""
    pair.client.sendall(b"a" * HEAD + b"b")
    for _ in range(2):
        assert pair.connection.peek() == b"a" * HEAD


def test_skip_discards_rest_of_request_and_no_byte_of_the_next(pair: Pair) -> None:
    connection = pair.connection
    pair.client.sendall(b"a" * 5000)
    connection.respond(b"response", 6000, last=False)
    assert pair.client.recv(100) == b"response"
    assert connection.skip()
    assert connection.left == 1000
    assert connection.skip()  # nothing has been received since
    assert connection.left == 1000
    pair.client.sendall(b"a" * 1000 + b"GET / HTTP/1.1")
    assert connection.skip()
    assert connection.left == 0
    assert connection.peek() == b"GET / HTTP/1.1"


def test_skip_after_deadline_returns_false(pair: Pair) -> None:
    pair.client.sendall(b"a")
    pair.connection.respond(b"response", 1000, last=False)
    pair.connection.deadline = 0
    assert not pair.connection.skip()


def test_skip_after_client_has_closed_returns_false(pair: Pair) -> None:
    pair.client.sendall(b"a")
    pair.connection.respond(b"response", 1000, last=False)
    assert pair.connection.skip()
    pair.client.close()
    assert not pair.connection.skip()


def test_respond_with_last_ends_the_stream_and_discards_what_follows(pair: Pair) -> None:
    pair.client.sendall(b"a" * 5000)
    pair.connection.respond(b"response", 10, last=True)
    assert received(pair.client) == b"response"
    assert pair.connection.skip()
    assert pair.connection.left == LINGER_BYTES - 5000


def test_respond_to_client_that_does_not_read_raises_instead_of_waiting(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):  # noqa: PT012 - the buffers have room for some responses
        for _ in range(10_000):
            pair.connection.respond(bytes(10_000), 0, last=False)


def test_linger_reads_until_client_closes() -> None:
    server, client = socket.socketpair()
    with server, client:
        client.sendall(bytes(100_000))
        client.close()
        linger(server)
        assert server.fileno() == -1


def test_linger_after_its_deadline_closes_an_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "LINGER", 0.05)
    server, client = socket.socketpair()
    with server, client:
        linger(server)
        assert server.fileno() == -1
        assert client.recv(1) == b""


def test_linger_after_its_limit_of_bytes_closes_an_open_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "LINGER", TIMEOUT)
    monkeypatch.setattr(deadlines, "LINGER_BYTES", 1000)
    server, client = socket.socketpair()
    with server, client:
        client.sendall(bytes(1000))
        linger(server)
        assert server.fileno() == -1


@pytest.fixture(scope="module")
def hasty_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a short deadline, and with images so small that their inference is cheap."""
    log = tmp_path_factory.mktemp("hasty_service") / "log"
    with running_service(log=log, REQUEST_TIMEOUT=str(REQUEST_TIMEOUT), IMAGE_SIZE="16") as service:
        yield service
        assert service.stop() == 0
    assert "Traceback" not in log.read_text()


def test_request_whose_head_does_not_arrive_is_closed_after_deadline(hasty_service: ServiceProcess) -> None:
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.sendall(b"POST /model/predict HTTP/1.1\r\nHost")
        assert received(connection) == b""
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def test_request_whose_body_does_not_arrive_returns_408_after_deadline(hasty_service: ServiceProcess) -> None:
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.sendall(post(form(CHELSEA.read_bytes())[:1000], length=40_000))
        response = received(connection)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b'{"message":"the request body was not received within REQUEST_TIMEOUT' in response
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def test_request_that_arrives_byte_by_byte_is_closed_after_deadline(hasty_service: ServiceProcess) -> None:
    # If each byte extended the deadline, this client would hold its connection for TIMEOUT.
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.settimeout(0.1)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nA: ")
        closed = False
        while not closed:
            assert time.monotonic() - began < TIMEOUT
            connection.sendall(b"a")
            with suppress(TimeoutError):
                closed = connection.recv(1) == b""
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def test_response_that_is_not_read_is_released_after_deadline(hasty_service: ServiceProcess) -> None:
    with socket.socket() as connection:
        # Small segments and a small window, so that the response is larger than all buffers between server and client.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty_service.port))
        connection.sendall(post(form(CHELSEA.read_bytes()), "/model/predict?size=original"))
        wait_for(lambda: hasty_service.metric("segmenter_held_bytes") > 200_000)
        began = time.monotonic()
        wait_for(lambda: hasty_service.metric("segmenter_held_bytes") == 0)
        # The deadline began a little before the test saw the response.
        assert time.monotonic() - began > REQUEST_TIMEOUT / 2
