"""The server with many, slow, silent and disconnected clients, with malformed requests, and its end."""

import re
import select
import socket
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.client import BadStatusLine
from pathlib import Path

import pytest
import requests

from server.deadlines import LINGER
from server.run import SPARE_THREADS
from tests.support.bad_input import REQUESTS, damaged_heads
from tests.support.blockable_service import BlockableService, blockable_service
from tests.support.http_client import connect, exchange, form, get, post, received, send_raw
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, wait_for

PHOTO = CHELSEA.read_bytes()
# The settings QUEUE_SIZE of the service and THREADS // 2, at least 2.
QUEUE_SIZE, WORKERS = 8, 2
GONE = 'segmenter_requests_total{method="POST",path="/model/predict",status="499"}'


def is_open(connection: socket.socket) -> bool:
    """Return whether the service has neither closed the connection nor sent anything on it."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def accepted_connections(service: ServiceProcess, connections: ExitStack, count: int) -> list[socket.socket]:
    """Return `count` connections when the service has accepted them all."""
    accepted = [connections.enter_context(connect(service)) for _ in range(count)]
    wait_for(lambda: service.metric("process_open_fds") > count)
    return accepted


def fill_queue(service: ServiceProcess, connections: ExitStack, count: int = QUEUE_SIZE) -> list[socket.socket]:
    """Send `count` predict requests to a blocked service, and return their connections when all have been admitted."""
    filled = [connections.enter_context(connect(service)) for _ in range(count)]
    for connection in filled:
        connection.sendall(post(form(PHOTO), "/model/predict", "Connection: close"))
    wait_for(lambda: service.metric("segmenter_queue_requests") == count)
    return filled


def test_service_with_variable_of_another_server_has_one_worker(small_service: BlockableService) -> None:
    assert len(small_service.workers) == 1


def test_connection_is_kept_alive(small_service: BlockableService) -> None:
    with connect(small_service) as connection:
        for _ in range(3):
            response = exchange(connection, get("/health/live"))
            assert (response.status_code, response.headers["Connection"]) == (200, "keep-alive")


def test_predict_with_full_queue_returns_503_while_health_answers(small_service: BlockableService) -> None:
    with ExitStack() as connections:
        with small_service.blocked():
            admitted = fill_queue(small_service, connections)
            for _ in range(3):
                response = small_service.predict(PHOTO)
                assert response.status_code == 503
                assert int(response.headers["Retry-After"]) > 0
                assert "QUEUE_SIZE" in response.json()["message"]
                for path in ("/health/live", "/health/ready"):
                    assert requests.get(f"{small_service.url}{path}", timeout=TIMEOUT).status_code == 200
            assert small_service.metric("segmenter_queue_waiting") == QUEUE_SIZE - WORKERS
            assert all(is_open(connection) for connection in admitted)
        for connection in admitted:
            assert received(connection).startswith(b"HTTP/1.1 200 ")


def test_hostile_requests_to_full_service_get_errors_and_do_no_harm(small_service: BlockableService) -> None:
    workers = small_service.workers
    with ExitStack() as connections, small_service.log.open() as log:
        log.seek(0, 2)
        with small_service.blocked():
            admitted = fill_queue(small_service, connections)
            for send, status, _ in REQUESTS.values():
                assert send(small_service).status_code in {status, 503}
            rejected = 0
            for data in damaged_heads(500):
                # The server may close the connection without a response to bytes that are not a request.
                with suppress(BadStatusLine, ConnectionResetError):
                    status = send_raw(small_service, b"", data).status_code
                    assert status in {400, 404, 405, 408, 413, 414, 415, 431, 503, 505}
                    rejected += status == HTTPStatus.SERVICE_UNAVAILABLE
        for connection in admitted:
            assert received(connection).startswith(b"HTTP/1.1 200 ")
        assert rejected > 50
        assert "Traceback" not in log.read()
    assert small_service.workers == workers
    assert small_service.predict(PHOTO).status_code == 200


def test_predict_of_disconnected_client_is_never_begun(small_service: BlockableService) -> None:
    before = small_service.metric(GONE)
    with small_service.blocked(), ExitStack() as connections:
        fill_queue(small_service, connections)
    # The workers had taken the first requests already.
    wait_for(lambda: small_service.metric(GONE) == before + QUEUE_SIZE - WORKERS)
    assert small_service.predict(PHOTO).status_code == 200
    assert small_service.metric(GONE) == before + QUEUE_SIZE - WORKERS


def test_clients_that_never_close_do_not_delay_others(small_service: BlockableService) -> None:
    clients = 2 * int(TIMEOUT / LINGER)  # more than TIMEOUT, if the server lingered for one after the other
    with ExitStack() as connections:
        for _ in range(clients):
            connection = connections.enter_context(connect(small_service))
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert requests.get(f"{small_service.url}/health/live", timeout=TIMEOUT).status_code == 200


def test_more_silent_clients_than_threads_do_not_delay_others(small_service: BlockableService) -> None:
    with ExitStack() as connections:
        silent = accepted_connections(small_service, connections, SPARE_THREADS + 2 * QUEUE_SIZE)
        assert small_service.predict(PHOTO).status_code == 200
        assert all(is_open(connection) for connection in silent)


def test_slow_uploads_do_not_delay_others(small_service: BlockableService) -> None:
    with ExitStack() as connections:
        slow = accepted_connections(small_service, connections, 200)
        for connection in slow:
            connection.sendall(post(form(PHOTO)[:20_000], length=40_000))
        assert small_service.predict(PHOTO).status_code == 200
        assert all(is_open(connection) for connection in slow)


def test_body_that_ends_early_returns_400(small_service: BlockableService) -> None:
    response = send_raw(small_service, b"Content-Type: text/plain\r\nContent-Length: 50\r\n\r\nshort")
    assert response.status_code == 400
    assert "ended early" in response.json()["message"] or "'image' is missing" in response.json()["message"]


def test_connection_after_response_to_unread_body_serves_next_request(small_service: BlockableService) -> None:
    with connect(small_service) as connection:
        for _ in range(3):
            response = exchange(connection, post(bytes(1_000_000), "/nope"))
            assert (response.status_code, response.headers["Connection"]) == (404, "keep-alive")


def test_response_to_upload_far_over_limit_arrives(small_service: BlockableService) -> None:
    size = 20_000_000
    with connect(small_service) as connection:
        connection.sendall(post(b"", length=size) + bytes(size))
        response = received(connection)
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in response


def test_headers_of_client_do_not_change_path_of_service(small_service: BlockableService) -> None:
    headers = {"SCRIPT_NAME": "/elsewhere", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/x"}
    response = requests.get(f"{small_service.url}/health/live", headers=headers, timeout=TIMEOUT)
    assert response.status_code == 200


@pytest.mark.parametrize("start", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"])
def test_malformed_request_returns_400_in_the_form_of_the_application(
    small_service: BlockableService, start: bytes
) -> None:
    response = send_raw(small_service, b"", start)
    assert response.status_code == 400
    assert list(response.json()) == ["message"]
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"\d", response.headers.get("Server", ""))


def refuses_connections(service: ServiceProcess) -> bool:
    """Return whether the service has closed its listening socket."""
    try:
        connect(service).close()
    except ConnectionRefusedError:
        return True
    except ConnectionError:
        return False  # accepted by the system, and reset when the socket was closed
    return False


def test_sigterm_with_accepted_clients_answers_all_and_exits_with_0(tmp_path: Path) -> None:
    with blockable_service(tmp_path, IMAGE_SIZE="65", REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        with ExitStack() as connections:
            connections.enter_context(connect(service))  # sends no request; must not keep the service from ending
            with service.blocked():
                clients = fill_queue(service, connections, count=4)
                accepted = [connections.enter_context(connect(service)) for _ in range(5)]
                service.process.terminate()
                wait_for(lambda: refuses_connections(service))
                for connection in accepted:
                    connection.sendall(post(form(PHOTO), "/model/predict", "Connection: close"))
            for connection in clients + accepted:
                assert received(connection).startswith(b"HTTP/1.1 200 ")
            assert service.process.wait(TIMEOUT) == 0
        lines = service.log.read_text().splitlines()
    assert sum("INFO 127.0.0.1 POST /model/predict 200" in line for line in lines) == len(clients + accepted)
    # No line is TensorFlow's, and none is a warning.
    assert [line for line in lines if not re.match(r"\[\d{4}-\d\d-\d\d [\d:]{8} \+0000\] INFO ", line)] == []
