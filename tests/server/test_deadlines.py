"""Deadlines of clients: for a request, for a response, and for an idle connection. The clients wait side by side."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
from PIL import Image

from tests.support.http_client import connect, exchange, form, get, post, received
from tests.support.images import encode
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, running_service, wait_for

# The deadline of the service in seconds: long enough for its requests, which take milliseconds, on a busy machine.
REQUEST_TIMEOUT, IDLE_TIMEOUT = 5, 12


@pytest.fixture(scope="module")
def hasty_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service with a short deadline, and with images so small that their inference is cheap."""
    log = tmp_path_factory.mktemp("hasty_service") / "log"
    settings = {"REQUEST_TIMEOUT": str(REQUEST_TIMEOUT), "IDLE_TIMEOUT": str(IDLE_TIMEOUT), "IMAGE_SIZE": "16"}
    with running_service(log=log, **settings) as service:
        yield service
        assert service.stop() == 0
    assert "Traceback" not in log.read_text()


def request_whose_head_does_not_arrive(hasty_service: ServiceProcess, start: bytes) -> None:
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.sendall(start)
        assert received(connection) == b""
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def idle_connection(hasty_service: ServiceProcess) -> None:
    with connect(hasty_service) as connection:
        assert exchange(connection, get("/health/live")).status_code == 200
        began = time.monotonic()
        assert received(connection) == b""
    assert time.monotonic() - began > (IDLE_TIMEOUT + REQUEST_TIMEOUT) / 2


def half_a_head_after_a_request(hasty_service: ServiceProcess, pause: float) -> None:
    with connect(hasty_service) as connection:
        for _ in range(2):
            assert exchange(connection, get("/health/live")).status_code == 200
            time.sleep(pause)  # an idle connection, whose time is not that of the next head
        began = time.monotonic()
        connection.sendall(b"GET /health/live HT")
        assert received(connection) == b""
    assert REQUEST_TIMEOUT - 1 < time.monotonic() - began < IDLE_TIMEOUT


def head_that_takes_nearly_its_deadline(hasty_service: ServiceProcess) -> None:
    with connect(hasty_service) as connection:
        for _ in range(3):
            whole = get("/health/live")
            connection.sendall(whole[:10])
            time.sleep(REQUEST_TIMEOUT / 2)
            assert exchange(connection, whole[10:]).status_code == 200


def request_whose_body_does_not_arrive(hasty_service: ServiceProcess) -> None:
    began = time.monotonic()
    with connect(hasty_service) as connection:
        connection.sendall(post(form(CHELSEA.read_bytes())[:1000], length=40_000))
        response = received(connection)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b'{"message":"the request body was not received within REQUEST_TIMEOUT' in response
    assert time.monotonic() - began >= REQUEST_TIMEOUT


def request_that_arrives_byte_by_byte(hasty_service: ServiceProcess, start: bytes) -> None:
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


def response_that_is_not_read(hasty_service: ServiceProcess) -> None:
    with socket.socket() as connection:
        # Small segments and a small window, so that the response is larger than all buffers between server and client.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty_service.port))
        began = time.monotonic()
        connection.sendall(post(form(encode(Image.new("RGB", (3000, 2000)), "JPEG")), "/model/predict?size=original"))
        wait_for(lambda: hasty_service.metric("segmenter_held_bytes") > 10_000_000)
        wait_for(lambda: hasty_service.metric("segmenter_held_bytes") < 10_000_000)
        assert time.monotonic() - began >= REQUEST_TIMEOUT


# By name: what a client does, and checks.
CLIENTS: dict[str, Callable[[ServiceProcess], None]] = {
    "request that does not begin is closed": partial(request_whose_head_does_not_arrive, start=b""),
    "request whose head does not arrive is closed": partial(
        request_whose_head_does_not_arrive, start=b"POST /model/predict HTTP/1.1\r\nHost"
    ),
    "idle connection is closed after its own deadline": idle_connection,
    "half a head at once after a request is closed": partial(half_a_head_after_a_request, pause=0),
    "half a head after a pause is closed": partial(half_a_head_after_a_request, pause=1.5),
    "head that takes nearly its deadline is answered": head_that_takes_nearly_its_deadline,
    "request whose body does not arrive returns 408": request_whose_body_does_not_arrive,
    "head that arrives byte by byte is closed": partial(
        request_that_arrives_byte_by_byte, start=b"GET /health/live HTTP/1.1\r\nA: "
    ),
    "body that arrives byte by byte is closed": partial(
        request_that_arrives_byte_by_byte, start=post(b"", length=40_000)
    ),
    "response that is not read is released": response_that_is_not_read,
}


@pytest.fixture(scope="module")
def checks(hasty_service: ServiceProcess) -> Iterator[dict[str, Future[None]]]:
    """What each of CLIENTS checks, all at once: each waits for seconds."""
    with ThreadPoolExecutor(len(CLIENTS)) as clients:
        yield {name: clients.submit(client, hasty_service) for name, client in CLIENTS.items()}


@pytest.mark.parametrize("name", CLIENTS)
def test_deadline(name: str, checks: dict[str, "Future[None]"]) -> None:
    checks[name].result()
