"""Deadlines of clients: for a request, for a response, and for an idle connection."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from PIL import Image

from tests.support.http_client import connect, exchange, form, get, post, received
from tests.support.images import encode
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, running_service, wait_for

# The deadline of the service in seconds: long enough for its requests, which take milliseconds, on a busy machine.
REQUEST_TIMEOUT, IDLE_TIMEOUT = 3, 8


@pytest.fixture(scope="module")
def hasty_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a short deadline, and with images so small that their inference is cheap."""
    log = tmp_path_factory.mktemp("hasty_service") / "log"
    settings = {"REQUEST_TIMEOUT": str(REQUEST_TIMEOUT), "IDLE_TIMEOUT": str(IDLE_TIMEOUT), "IMAGE_SIZE": "16"}
    with running_service(log=log, **settings) as service:
        yield service
        assert service.stop() == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("start", [b"", b"POST /model/predict HTTP/1.1\r\nHost"], ids=["nothing", "half a head"])
def test_request_whose_head_does_not_arrive_is_closed_after_deadline(
    hasty_service: ServiceProcess, start: bytes
) -> None:
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.sendall(start)
        assert received(connection) == b""
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def test_idle_connection_is_closed_after_its_own_deadline(hasty_service: ServiceProcess) -> None:
    with connect(hasty_service) as connection:
        assert exchange(connection, get("/health/live")).status_code == 200
        began = time.monotonic()
        assert received(connection) == b""
    assert time.monotonic() - began > (IDLE_TIMEOUT + REQUEST_TIMEOUT) / 2


@pytest.mark.parametrize("pause", [0, 1.5])
def test_head_after_a_request_is_closed_after_the_deadline_of_a_head(
    hasty_service: ServiceProcess, pause: float
) -> None:
    with connect(hasty_service) as connection:
        for _ in range(2):
            assert exchange(connection, get("/health/live")).status_code == 200
            time.sleep(pause)  # an idle connection, whose time is not that of the next head
        began = time.monotonic()
        connection.sendall(b"GET /health/live HT")
        assert received(connection) == b""
    assert REQUEST_TIMEOUT - 1 < time.monotonic() - began < IDLE_TIMEOUT


def test_head_that_takes_nearly_its_deadline_is_answered(hasty_service: ServiceProcess) -> None:
    with connect(hasty_service) as connection:
        for _ in range(3):
            whole = get("/health/live")
            connection.sendall(whole[:10])
            time.sleep(REQUEST_TIMEOUT / 2)
            assert exchange(connection, whole[10:]).status_code == 200


def test_request_whose_body_does_not_arrive_returns_408_after_deadline(hasty_service: ServiceProcess) -> None:
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.sendall(post(form(CHELSEA.read_bytes())[:1000], length=40_000))
        response = received(connection)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b'{"message":"the request body was not received within REQUEST_TIMEOUT' in response
    assert time.monotonic() - began >= REQUEST_TIMEOUT


@pytest.mark.parametrize("start", [b"GET /health/live HTTP/1.1\r\nA: ", post(b"", length=40_000)], ids=["head", "body"])
def test_request_that_arrives_byte_by_byte_is_closed_after_deadline(
    hasty_service: ServiceProcess, start: bytes
) -> None:
    # If each byte extended the deadline, this client would hold its connection for TIMEOUT.
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.settimeout(0.1)
        connection.sendall(start)
        closed = False
        while not closed:
            assert time.monotonic() - began < TIMEOUT
            with suppress(ConnectionError):
                connection.sendall(b"a")
            try:
                closed = connection.recv(1000) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def test_response_that_is_not_read_is_released_after_deadline(hasty_service: ServiceProcess) -> None:
    with socket.socket() as connection:
        # Small segments and a small window, so that the response is larger than all buffers between server and client.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty_service.port))
        connection.sendall(post(form(encode(Image.new("RGB", (3000, 2000)), "JPEG")), "/model/predict?size=original"))
        wait_for(lambda: hasty_service.metric("segmenter_held_bytes") > 10_000_000)
        began = time.monotonic()
        wait_for(lambda: hasty_service.metric("segmenter_held_bytes") == 0)
        # The deadline began a little before the test saw the response.
        assert time.monotonic() - began > REQUEST_TIMEOUT / 2
