"""How the server treats clients that are slow, silent, gone or that never close, and what it says of itself."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from server.deadlines import LINGER
from tests.support.http_client import exchange, form, post, send_raw
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess, running_service

TIMEOUT = 2


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that waits for nobody longer than two seconds."""
    with running_service(log=tmp_path_factory.mktemp("hasty") / "log", REQUEST_TIMEOUT=str(TIMEOUT)) as service:
        yield service
        assert service.stop() == 0


def connect(service: ServiceProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=30)


def until_closed(connection: socket.socket) -> tuple[bytes, float]:
    """Return all that comes on `connection`, and the seconds until the other side closes it."""
    began, answer = time.monotonic(), b""
    while data := connection.recv(65536):
        answer += data
    return answer, time.monotonic() - began


def metric(service: ServiceProcess, name: str) -> float:
    """Return the sum of the series of `name`, which may have labels."""
    text = requests.get(f"{service.url}/metrics", timeout=10).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_a_head_that_does_not_come_is_not_waited_for(hasty: ServiceProcess) -> None:
    with closing(connect(hasty)) as connection:
        connection.sendall(b"POST /model/predict HTTP/1.1\r\nHost")
        answer, seconds = until_closed(connection)
    assert answer == b""
    assert TIMEOUT - 0.5 < seconds < TIMEOUT + LINGER + 2


def test_a_body_that_does_not_come_is_408(hasty: ServiceProcess) -> None:
    with closing(connect(hasty)) as connection:
        connection.sendall(post(form(CHELSEA.read_bytes())[:1000], length=40_000))
        answer, seconds = until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'{"message":"the request did not come whole within REQUEST_TIMEOUT' in answer
    assert TIMEOUT - 0.5 < seconds < TIMEOUT + LINGER + 2


def test_a_byte_now_and_then_does_not_extend_the_time(hasty: ServiceProcess) -> None:
    with closing(connect(hasty)) as connection:
        began = time.monotonic()
        connection.sendall(b"GET /health/live HTTP/1.1\r\nA: ")
        with suppress(ConnectionError):
            while time.monotonic() < began + 30:
                connection.sendall(b"a")
                time.sleep(0.1)
        assert time.monotonic() < began + TIMEOUT + LINGER + 2


def test_a_body_that_ends_early_is_400(hasty: ServiceProcess) -> None:
    answer = send_raw(hasty, b"Content-Type: text/plain\r\nContent-Length: 50\r\n\r\nshort")
    assert answer.status_code == 400
    assert "ended early" in answer.json()["message"] or "'image' is missing" in answer.json()["message"]


def test_an_answer_that_is_not_read_is_given_up(tmp_path: Path) -> None:
    with running_service(log=tmp_path / "log", REQUEST_TIMEOUT="8") as service:
        noise = np.random.default_rng(1).integers(0, 256, (1500, 2000, 3), np.uint8)
        file = BytesIO()
        Image.fromarray(noise).save(file, "JPEG")
        with closing(connect(service)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(post(form(file.getvalue()), "/model/predict?output=overlay&size=original"))
            began = time.monotonic()
            while metric(service, "segmenter_held_bytes") < 5_000_000:
                assert time.monotonic() < began + 20
                time.sleep(0.01)
            while metric(service, "segmenter_held_bytes") > 0:
                assert time.monotonic() < began + 30
                time.sleep(0.1)
        assert service.stop() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_clients_that_never_close_keep_nobody_waiting(hasty: ServiceProcess) -> None:
    with ExitStack() as open_:
        for _ in range(30):
            connection = open_.enter_context(closing(connect(hasty)))
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
        assert requests.get(f"{hasty.url}/health/live", timeout=30).ok
        assert time.monotonic() - began < 0.5


def test_silent_clients_keep_nobody_waiting(hasty: ServiceProcess) -> None:
    with ExitStack() as open_:
        for _ in range(900):
            open_.enter_context(closing(connect(hasty)))
        began = time.monotonic()
        assert hasty.predict(CHELSEA.read_bytes()).ok
        assert time.monotonic() - began < 2


def test_many_slow_clients_keep_nobody_waiting(hasty: ServiceProcess) -> None:
    with ExitStack() as open_:
        for _ in range(200):
            connection = open_.enter_context(closing(connect(hasty)))
            connection.sendall(post(form(CHELSEA.read_bytes())[:20_000], length=40_000))
        began = time.monotonic()
        assert hasty.predict(CHELSEA.read_bytes()).ok
        assert time.monotonic() - began < 2


def test_an_unread_body_does_not_spoil_the_connection(hasty: ServiceProcess) -> None:
    body = bytes(1_000_000)
    with closing(connect(hasty)) as connection:
        for _ in range(3):
            answer = exchange(connection, post(body, "/nope"))
            assert (answer.status_code, answer.headers["Connection"]) == (404, "keep-alive")


def test_the_answer_to_a_far_too_large_upload_arrives(hasty: ServiceProcess) -> None:
    with closing(connect(hasty)) as connection:
        connection.sendall(post(b"", length=60_000_000) + bytes(60_000_000))
        answer, _ = until_closed(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_who_has_gone_is_not_served(service: ServiceProcess) -> None:
    before = metric(service, 'segmenter_requests_total{method="POST",path="/model/predict",status="499"}')
    with ExitStack() as open_:
        for _ in range(12):  # so that there is a queue
            connection = open_.enter_context(closing(connect(service)))
            connection.sendall(post(form(ASTRONAUT.read_bytes())))
        time.sleep(0.1)
    assert service.predict(CHELSEA.read_bytes()).ok
    after = metric(service, 'segmenter_requests_total{method="POST",path="/model/predict",status="499"}')
    assert after > before + 5


def test_no_header_of_a_clients_says_where_the_service_is(hasty: ServiceProcess) -> None:
    headers = {"SCRIPT_NAME": "/elsewhere", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/x"}
    assert requests.get(f"{hasty.url}/health/live", headers=headers, timeout=10).status_code == 200


def test_errors_before_the_application_look_like_its_own(hasty: ServiceProcess) -> None:
    for start in (b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"):
        answer = send_raw(hasty, b"", start)
        assert answer.status_code == 400
        assert list(answer.json()) == ["message"]
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers or not re.search(r"\d", answer.headers["Server"])


def test_what_was_accepted_before_sigterm_is_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running_service(log=tmp_path_factory.mktemp("stopped") / "log") as service:
        with ExitStack() as open_:
            open_.enter_context(closing(connect(service)))  # never says a word
            time.sleep(0.2)
            connections = [open_.enter_context(closing(connect(service))) for _ in range(10)]
            for connection in connections[:5]:
                connection.sendall(post(form(CHELSEA.read_bytes()), "/model/predict", "Connection: close"))
            service.process.terminate()
            time.sleep(0.3)
            # Accepted already, and only now they ask.
            for connection in connections[5:]:
                connection.sendall(post(form(CHELSEA.read_bytes()), "/model/predict", "Connection: close"))
            for connection in connections:
                answer, _ = until_closed(connection)
                assert answer.startswith(b"HTTP/1.1 200 ")
        began = time.monotonic()
        assert service.process.wait(timeout=60) == 0
        assert time.monotonic() - began < 10
