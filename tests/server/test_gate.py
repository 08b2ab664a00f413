"""The gate, without a server: rejections, ids, headers, budget, metrics and the log of each request."""

import asyncio
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from api.metrics import Metrics
from config import Settings
from core.model import ModelWrapper
from server import gate
from server.gate import Gate
from server.wsgi import PIECE
from tests.support.application import application, occupied
from tests.support.asgi import DISCONNECT, Connection, Message, body_part, exchange, scope
from tests.support.http_client import FORM_TYPE, form
from tests.support.paths import CHELSEA

PHOTO = form(CHELSEA.read_bytes())
KEY = "a key"


def gate_on(app: Flask, **settings: Any) -> Gate:
    """Return a gate with `settings` in front of a new application on the model of `app`."""
    return Gate(application(app.extensions["model"], **settings), Settings(**settings))


def form_scope(size: int = len(PHOTO), **headers: str) -> Message:
    """Return the head of a predict request with a form of `size` bytes."""
    return scope(content_type=FORM_TYPE, content_length=str(size), **headers)


def message_of(connection: Connection) -> str:
    """Return the message of an error response."""
    [text] = re.findall(r'^\{"message":"(.*)"\}\n$', connection.body.decode())
    return str(text)


def held(gate_: Gate) -> float | None:
    """Return the bytes that the budget of `gate_` holds, as /metrics shows them."""
    return gate_._metrics.registry.get_sample_value("segmenter_held_bytes")


@pytest.fixture
def busy(app: Flask) -> Iterator[ModelWrapper]:
    """The model, with a full queue."""
    model: ModelWrapper = app.extensions["model"]
    with occupied(model.queue, model.queue.size):
        yield model


# ---- Rejections


def test_predict_with_full_queue_is_rejected_before_its_body(app: Flask, busy: ModelWrapper) -> None:
    # The body never arrives.
    gate_ = gate_on(app, request_timeout=60)
    began = time.monotonic()
    connection = Connection([])
    task = gate_(form_scope(), connection.receive, connection.send)

    async def until_response() -> None:
        answering = asyncio.ensure_future(task)
        while not connection.complete:
            await asyncio.sleep(0.001)
        answering.cancel()

    asyncio.run(until_response())
    assert time.monotonic() < began + 60
    assert connection.status == 503
    assert int(connection.headers["Retry-After"]) > 0
    assert connection.headers["Connection"] == "close"
    assert "QUEUE_SIZE" in message_of(connection)


def test_predict_without_key_is_rejected_before_its_body_even_if_queue_is_full(app: Flask, busy: ModelWrapper) -> None:
    gate_ = gate_on(app, api_key=KEY)
    assert exchange(gate_, form_scope(), body_part(PHOTO)).status == 401
    assert exchange(gate_, form_scope(x_api_key=KEY), body_part(PHOTO)).status == 503


def test_rest_of_rejected_body_is_received_so_that_client_can_read_response(app: Flask, busy: ModelWrapper) -> None:
    parts = [body_part(bytes(1000), more=True), body_part(bytes(1000), more=True), body_part(b"")]
    connection = Connection(parts)
    asyncio.run(gate_on(app)(form_scope(2000), connection.receive, connection.send))
    assert connection.status == 503
    assert connection.parts == []


def test_rejected_body_that_does_not_arrive_is_given_up(
    app: Flask, busy: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LINGER", 0.01)
    assert exchange(gate_on(app), form_scope()).status == 503


class Uplink(Connection):
    """A client that sends a byte every hundredth of a second, without an end, whatever it is answered."""

    async def receive(self) -> Message:
        await asyncio.sleep(0.01)
        return body_part(b"a", more=True)


def test_rejected_body_is_received_as_long_as_bytes_come_until_the_deadline(
    app: Flask, busy: ModelWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LINGER", 0.2)
    connection = Uplink([])
    began = time.monotonic()
    asyncio.run(gate_on(app, request_timeout=0.5)(form_scope(), connection.receive, connection.send))
    assert connection.complete
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (scope("/nope", content_length="32000000"), 404),
        (scope("//model/predict", content_length="32000000"), 404),
        (scope("/health/live", "GET", content_length="32000000"), 200),
        (scope("/health/live", "GET", transfer_encoding="chunked"), 200),
        (scope("/health/live", "BREW", content_length="99000000"), 405),
        (scope("/model/predict", "OPTIONS", content_length="99000000"), 200),
        (scope("/model/labels", "GET", content_length="32000000"), 401),
        (scope("/model/predict", content_length="32000000"), 401),
        (scope("/model/nope", content_length="32000000"), 401),
    ],
)
def test_body_that_nobody_takes_is_neither_kept_nor_counted(app: Flask, head: Message, status: int) -> None:
    gate_ = gate_on(app, api_key=KEY)
    seen = []

    class Watching(Connection):
        async def receive(self) -> Message:
            seen.append((self.complete, held(gate_)))
            return await super().receive()

    connection = Watching([body_part(bytes(1000), more=True), body_part(bytes(1000), more=True), body_part(b"")])
    asyncio.run(gate_(head, connection.receive, connection.send))
    assert (connection.status, connection.parts) == (status, [])
    assert seen == [(True, 0)] * 3


def test_body_over_limit_returns_413_by_its_length_and_by_its_bytes(app: Flask) -> None:
    gate_ = gate_on(app, max_upload_mb=1)
    by_length = exchange(gate_, form_scope(1_000_001), DISCONNECT)
    chunks = [body_part(bytes(600_000), more=True), body_part(bytes(600_000), more=True), DISCONNECT]
    by_bytes = exchange(gate_, scope(content_type=FORM_TYPE, transfer_encoding="chunked"), *chunks)
    for connection in (by_length, by_bytes):
        assert connection.status == 413
        assert message_of(connection).startswith("the upload is larger than 1 MB, the limit (MAX_UPLOAD_MB)")
        assert connection.headers["Connection"] == "close"


def test_body_that_ends_early_returns_400(app: Flask) -> None:
    connection = exchange(gate_on(app), form_scope(), body_part(PHOTO[:1000], more=True), DISCONNECT)
    assert connection.status == 400
    assert "ended early" in message_of(connection)


def test_unexpected_exception_in_gate_returns_500_and_logs_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(gate, "check_head", fail)
    connection = exchange(gate_on(app), form_scope(), body_part(PHOTO))
    assert connection.status == 500
    assert "secret" not in message_of(connection)
    assert "secret detail" in caplog.text


# ---- Bodies, the budget and the disconnect


def test_upload_is_held_while_it_arrives_and_response_until_it_is_sent(app: Flask) -> None:
    gate_ = gate_on(app)
    parts = [body_part(PHOTO[:5000], more=True), body_part(PHOTO[5000:])]
    seen = []

    class Watching(Connection):
        async def receive(self) -> Message:
            seen.append(held(gate_))
            return await super().receive()

        async def send(self, message: Message) -> None:
            seen.append(held(gate_))
            await super().send(message)

    connection = Watching(parts)
    asyncio.run(gate_(form_scope(), connection.receive, connection.send))
    assert connection.status == 200
    # The last receive() waits for the client's disconnect, while the model works.
    assert seen[:3] == [0, 5000, len(PHOTO)]
    assert set(seen[3:]) == {len(connection.body)}
    assert held(gate_) == 0


def test_upload_beyond_budget_returns_503_and_releases_its_bytes(app: Flask) -> None:
    gate_ = gate_on(app, queue_size=1, max_upload_mb=1)
    waiting = Connection([body_part(bytes(990_000), more=True)])
    upload = Connection([body_part(PHOTO)])

    async def both() -> None:
        first = asyncio.ensure_future(gate_(form_scope(999_999), waiting.receive, waiting.send))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await gate_(form_scope(), upload.receive, upload.send)
        assert held(gate_) == 990_000
        first.cancel()
        await asyncio.wait([first])

    asyncio.run(both())
    assert upload.status == 503
    assert upload.headers["Retry-After"] == "1"
    assert "QUEUE_SIZE x MAX_UPLOAD_MB" in message_of(upload)
    assert held(gate_) == 0


def test_predict_of_client_that_disconnects_while_it_waits_is_not_computed(app: Flask) -> None:
    model: ModelWrapper = app.extensions["model"]
    gate_ = gate_on(app)
    connection = Connection([body_part(PHOTO), DISCONNECT])

    async def ask() -> None:
        with occupied(model.queue, model.queue.workers):
            answering = asyncio.ensure_future(gate_(form_scope(), connection.receive, connection.send))
            while model.queue.waiting == 0 or connection.parts:
                await asyncio.sleep(0.001)
        await answering

    asyncio.run(ask())
    assert connection.status == 499


def test_response_that_is_not_read_is_given_up_after_deadline(app: Flask) -> None:
    gate_ = gate_on(app, request_timeout=2)

    class Unread(Connection):
        async def send(self, message: Message) -> None:
            await super().send(message)
            if len(self.body) > 100_000:
                await asyncio.Event().wait()

    connection = Unread([body_part(PHOTO)])
    asyncio.run(gate_(form_scope(), connection.receive, connection.send))
    assert connection.status == 200
    assert not connection.complete
    assert held(gate_) == 0


def test_file_is_read_while_it_is_sent(client: Client, app: Flask) -> None:
    whole = client.get("/swaggerui/swagger-ui-bundle.js")
    assert whole.status_code == 200
    assert len(whole.data) == whole.content_length > 10 * PIECE
    part = client.get("/swaggerui/swagger-ui-bundle.js", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert client.head("/swaggerui/swagger-ui-bundle.js").data == b""


# ---- The id, the headers, the metrics and the log of each response


def test_responses_without_client_id_have_different_ids(client: Client) -> None:
    paths = ("/health/live", "/nope", "/model/predict", "/")
    ids = {client.get(path).headers["X-Request-ID"] for path in paths}
    assert len(ids) == len(paths)
    assert all(re.fullmatch("[0-9a-f]{32}", id_) for id_ in ids)


@pytest.mark.parametrize("given", ["7f3b", "trace:1/2+a=b.c_d-e", "a" * 128])
def test_response_to_valid_client_id_has_this_id(client: Client, given: str) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "a\x1b[31m", '"', "a" * 129, "é"])
def test_response_to_invalid_client_id_has_new_id(client: Client, given: str) -> None:
    response = client.get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


@pytest.mark.parametrize("path", ["/health/live", "/nope"])
def test_response_to_request_of_a_trace_has_traceresponse(client: Client, path: str) -> None:
    response = client.get(path, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert response.headers["traceresponse"].startswith(f"00-{'a' * 32}-")


def test_response_to_request_with_two_traceparents_has_no_traceresponse(app: Flask) -> None:
    head = scope("/health/live", "GET")
    head["headers"] += [(b"traceparent", f"00-{'a' * 32}-{'b' * 16}-01".encode())] * 2
    assert "traceresponse" not in exchange(gate_on(app), head, DISCONNECT).headers


@pytest.mark.parametrize(
    ("head", "labels"),
    [
        (form_scope(10**9), {"method": "POST", "path": "/model/predict", "status": "413"}),
        (scope("/model/labels", "GET"), {"method": "GET", "path": "/model/labels", "status": "200"}),
        (scope("/nope", "GET", expect="more"), {"method": "GET", "path": "unknown", "status": "417"}),
        (scope("/nope/1", "BREW"), {"method": "other", "path": "unknown", "status": "404"}),
        # Decoded, this path would look like the rest of another line.
        (scope("/nope%20200%205%20bytes", "GET"), {"method": "GET", "path": "unknown", "status": "404"}),
    ],
)
def test_response_is_counted_and_logged_once(
    app: Flask, caplog: pytest.LogCaptureFixture, head: Message, labels: dict[str, str]
) -> None:
    gate_ = gate_on(app)
    with caplog.at_level("INFO", "access"):
        connection = exchange(gate_, head, DISCONNECT)
    metrics: Metrics = gate_._metrics
    assert metrics.registry.get_sample_value("segmenter_requests_total", labels) == 1
    target = head["raw_path"].decode()
    start = f"127.0.0.1 {head['method']} {target} {labels['status']} {len(connection.body)} bytes "
    assert [record.getMessage().startswith(start) for record in caplog.records if record.name == "access"] == [True]
