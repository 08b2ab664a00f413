"""The server with many, slow, silent and disconnected clients, with malformed requests, its start and its end."""

import json
import os
import re
import select
import signal
import socket
import time
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.client import BadStatusLine
from pathlib import Path

import pytest
import requests

from server.gate import LINGER
from tests.support.bad_input import REQUESTS, damaged_heads
from tests.support.blockable_service import BlockableService, blockable_service
from tests.support.http_client import connect, exchange, form, get, post, received, send_raw
from tests.support.paths import CHELSEA
from tests.support.service import (
    TIMEOUT,
    ServiceProcess,
    refused_start,
    running_service,
    started_service,
    wait_for,
)

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


def test_service_with_variables_of_other_servers_has_one_worker(small_service: BlockableService) -> None:
    assert len(small_service.workers) == 1


def test_connection_is_kept_alive(small_service: BlockableService) -> None:
    with connect(small_service) as connection:
        for _ in range(3):
            response = exchange(connection, get("/health/live"))
            assert response.status_code == 200
            assert "Connection" not in response.headers


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
                # The server closes the connection without a response to bytes that are not a request.
                with suppress(BadStatusLine, ConnectionResetError):
                    status = send_raw(small_service, b"", data, last=True).status_code
                    assert status in {400, 404, 405, 408, 413, 414, 415, 417, 431, 503}
                    rejected += status == HTTPStatus.SERVICE_UNAVAILABLE
        for connection in admitted:
            assert received(connection).startswith(b"HTTP/1.1 200 ")
        assert rejected > 50
        assert "Traceback" not in log.read()
    assert small_service.workers == workers
    assert small_service.predict(PHOTO).status_code == 200


def test_predict_of_disconnected_client_is_not_computed(small_service: BlockableService) -> None:
    before, files = small_service.metric(GONE), small_service.metric("process_open_fds")
    with small_service.blocked():
        with ExitStack() as connections:
            fill_queue(small_service, connections)
        # The service must know of it before its workers go on, each of which has the lock's file open.
        wait_for(lambda: small_service.metric("process_open_fds") <= files + WORKERS)
    # Those that the workers had taken stop before they are decoded, the others never begin.
    wait_for(lambda: small_service.metric(GONE) == before + QUEUE_SIZE)
    assert small_service.predict(PHOTO).status_code == 200
    assert small_service.metric(GONE) == before + QUEUE_SIZE


def test_clients_that_never_close_do_not_delay_others(small_service: BlockableService) -> None:
    clients = 2 * int(TIMEOUT / LINGER)  # more than TIMEOUT, if the server lingered for one after the other
    with ExitStack() as connections:
        for _ in range(clients):
            connection = connections.enter_context(connect(small_service))
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert requests.get(f"{small_service.url}/health/live", timeout=TIMEOUT).status_code == 200


def test_silent_clients_do_not_delay_others(small_service: BlockableService) -> None:
    with ExitStack() as connections:
        silent = accepted_connections(small_service, connections, 600)
        assert small_service.predict(PHOTO).status_code == 200
        assert all(is_open(connection) for connection in silent)


def test_slow_uploads_do_not_delay_others(small_service: BlockableService) -> None:
    with ExitStack() as connections:
        slow = accepted_connections(small_service, connections, 200)
        for connection in slow:
            connection.sendall(post(form(PHOTO)[:20_000], length=40_000))
        assert small_service.predict(PHOTO).status_code == 200
        assert all(is_open(connection) for connection in slow)


def test_connection_after_response_to_unread_body_serves_next_request(small_service: BlockableService) -> None:
    with connect(small_service) as connection:
        for _ in range(3):
            response = exchange(connection, post(bytes(1_000_000), "/nope"))
            assert response.status_code == 404
            assert "Connection" not in response.headers


def test_response_to_upload_far_over_limit_arrives(small_service: BlockableService) -> None:
    size = 20_000_000
    with connect(small_service) as connection:
        connection.sendall(post(b"", length=size) + bytes(size))
        response = received(connection)
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in response


def test_clients_on_slow_uplinks_can_read_the_response_to_their_refused_body(small_service: BlockableService) -> None:
    paths, size, seconds = ("/model/nope", "/health/live", "/model/predict"), 40_000_000, LINGER + 2
    held = small_service.metric("segmenter_held_bytes")
    with ExitStack() as connections:
        clients = [connections.enter_context(connect(small_service)) for _ in paths]
        for client, path in zip(clients, paths, strict=True):
            client.sendall(post(b"", path, length=size))
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            for client in clients:
                client.sendall(bytes(100_000))
            size -= 100_000
            time.sleep(0.25)
            assert small_service.metric("segmenter_held_bytes") == held
        for client in clients:
            client.sendall(bytes(size))
        statuses = [client.recv(1000)[:13] for client in clients]
    assert statuses == [b"HTTP/1.1 404 ", b"HTTP/1.1 405 ", b"HTTP/1.1 413 "]


def test_headers_of_client_do_not_change_path_of_service(small_service: BlockableService) -> None:
    headers = {"SCRIPT_NAME": "/elsewhere", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/x"}
    response = requests.get(f"{small_service.url}/health/live", headers=headers, timeout=TIMEOUT)
    assert response.status_code == 200


def refuses_connections(service: ServiceProcess) -> bool:
    """Return whether the service has closed its listening socket."""
    try:
        connect(service).close()
    except ConnectionRefusedError:
        return True
    except ConnectionError:
        return False  # accepted by the system, and reset when the socket was closed
    return False


def test_sigterm_answers_pending_and_half_received_requests_and_exits_with_0(tmp_path: Path) -> None:
    body = form(PHOTO)
    with blockable_service(tmp_path, IMAGE_SIZE="65", REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        with ExitStack() as connections:
            silent = connections.enter_context(connect(service))
            with service.blocked():
                clients = fill_queue(service, connections, count=4)
                half = [connections.enter_context(connect(service)) for _ in range(4)]
                for connection in half:
                    connection.sendall(post(body[:1000], length=len(body)))
                wait_for(lambda: service.metric("segmenter_held_bytes") > 4 * (len(body) + 500))
                service.process.terminate()
                wait_for(lambda: refuses_connections(service))
                assert received(silent) == b""
                for connection in half:
                    connection.sendall(body[1000:])
            for connection in clients + half:
                assert received(connection).startswith(b"HTTP/1.1 200 ")
            assert service.process.wait(TIMEOUT) == 0
        lines = service.log.read_text().splitlines()
    assert sum("INFO 127.0.0.1 POST /model/predict 200" in line for line in lines) == len(clients + half)
    # No line is TensorFlow's, and none is a warning.
    assert [line for line in lines if not re.match(r"\[\d{4}-\d\d-\d\d [\d:]{8} \+0000\] INFO ", line)] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("whole_group", [False, True], ids=["server", "group"])
def test_signal_while_model_loads_ends_service_at_once_with_0(
    tmp_path: Path, number: signal.Signals, whole_group: bool
) -> None:
    log = tmp_path / "log"
    with started_service(log=log) as service:
        wait_for(lambda: not refuses_connections(service))
        assert not service.ready()
        (os.killpg if whole_group else os.kill)(service.process.pid, number)
        assert service.process.wait(TIMEOUT) == 0
    assert [line for line in log.read_text().splitlines() if "INFO" not in line] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_service_is_not_ready_and_tells_clients_before_it_closes(number: signal.Signals) -> None:
    with running_service(IMAGE_SIZE="16") as service, connect(service) as idle, connect(service) as other:
        assert "Connection" not in exchange(idle, post(form(PHOTO))).headers
        service.process.send_signal(number)
        # Without a grace, these would cross the closing of their connection.
        wait_for(lambda: exchange(other, get("/health/live")).headers.get("Connection") == "close")
        assert not service.ready()
        answer = exchange(idle, post(form(PHOTO)))
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        assert service.process.wait(TIMEOUT) == 0


def catches_sigterm(service: ServiceProcess) -> bool:
    """Return whether the server's process has a handler for SIGTERM; before, Python itself decides."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    [caught] = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0, 0.5, 1.0, 1.5])
def test_signal_at_any_moment_of_the_start_ends_service_with_0_and_without_a_line(
    tmp_path: Path, number: signal.Signals, delay: float
) -> None:
    log = tmp_path / "log"
    with started_service(log=log) as service:
        wait_for(lambda: catches_sigterm(service))
        time.sleep(delay)
        service.process.send_signal(number)
        assert service.process.wait(TIMEOUT) == 0
    assert [line for line in log.read_text().splitlines() if "INFO listening on" not in line] == []


def test_start_tells_the_address_and_when_the_model_is_ready(small_service: BlockableService) -> None:
    messages = [json.loads(line)["message"] for line in small_service.log.read_text().splitlines()]
    assert messages[0] == f"listening on 127.0.0.1; open {small_service.url}/"
    ready = r"the model is ready after \d+\.\d s: mobile, float32, 2 threads, images of 65 pixels"
    assert len([message for message in messages if re.fullmatch(ready, message)]) == 1


def test_worker_that_is_killed_is_replaced_and_ends_with_its_server(tmp_path: Path) -> None:
    with running_service(IMAGE_SIZE="16", log=tmp_path / "log") as service:
        [first] = service.workers
        os.kill(first, signal.SIGKILL)
        service.wait_until(ready=False)
        service.wait_until(ready=True)
        [worker] = service.workers
        assert worker != first
        service.process.kill()
        service.process.wait()
        wait_for(lambda: not Path(f"/proc/{worker}").exists())


@pytest.mark.parametrize("host", ["nonsense.invalid", "[::1]", "203.0.113.1", "a b"])
def test_start_with_bad_host_ends_with_one_line(host: str) -> None:
    assert f"HOST={host!r} with PORT=" in refused_start(HOST=host)


def test_start_with_link_local_host_ends_with_one_line() -> None:
    # See proc(5): 32 hexadecimal digits, four other fields, and the name of the interface.
    lines = (line.split() for line in Path("/proc/net/if_inet6").read_text().splitlines())
    found = [(words[0], words[-1]) for words in lines if words[0].startswith("fe80")]
    if not found:
        pytest.skip("this machine has no link-local address")
    digits, interface = found[0]
    host = f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))}%{interface}"
    assert f"HOST={host!r} can't be used: it is a link-local address of one interface" in refused_start(HOST=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
def test_start_with_port_in_use_ends_with_one_line(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert f"HOST={host!r} with PORT={port} can't be used" in refused_start(HOST=host, PORT=port)


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("::", ["127.0.0.1", "::1"]), ("::1", ["::1"]), ("localhost", ["127.0.0.1"])],
)
def test_service_listens_on_address_of_host(host: str, addresses: list[str]) -> None:
    with started_service(HOST=host) as service:
        wait_for(lambda: listens(addresses[0], service.port))
        assert [address for address in ("127.0.0.1", "::1") if listens(address, service.port)] == addresses
        assert service.stop() == 0


def listens(address: str, port: int) -> bool:
    """Return whether a server accepts connections at `address`."""
    try:
        socket.create_connection((address, port), TIMEOUT).close()
    except OSError:
        return False
    return True
