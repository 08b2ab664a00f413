"""The ASGI application in front of the Flask application: every request and every response passes it.

One thread receives all requests and sends all responses, each within REQUEST_TIMEOUT, so that a slow client occupies no
thread. The head of a request decides about it, once: Flask gets a request whose route and key have been found, and its
body only if the route takes one. The body of any other request is neither kept nor counted.
"""

import asyncio
import math
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from http import HTTPStatus
from time import monotonic

from flask import Flask
from werkzeug import Response
from werkzeug.exceptions import BadRequest, RequestTimeout

from api import security
from api.context import CONNECTION, Connection
from api.errors import error_response, too_large
from api.metrics import Metrics
from api.protocols import Route, route_of
from config import Settings
from core.log import log_access
from core.log.trace import trace_of
from core.model import ModelWrapper
from core.runtime.budget import MemoryBudget
from server.heads import Heads
from server.wsgi import PIECE, Body, Environ, check_head, environ_of, head_size

Receive = Callable[[], Awaitable[Environ]]
Send = Callable[[Environ], Awaitable[None]]
# The id of a client or proxy is kept if it can't be mistaken for another part of a log line.
VALID_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
INCOMPLETE = (
    "the request body ended early, or its chunks are not valid (RFC 9112, 7.1); send as many bytes as Content-Length "
    "says, or valid chunks"
)
TOO_SLOW = "the request body was not received within REQUEST_TIMEOUT; send a smaller image"
LINGER = 5.0  # seconds without a byte until the rest of a body is given up; a client that still sends does not read


class Gate:
    """Serves `app` within the limits of `settings`."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.heads = Heads(settings.port, settings.request_timeout)
        self._app, self._settings = app, settings
        self._model: ModelWrapper = app.extensions["model"]
        self._metrics: Metrics = app.extensions["metrics"]
        self._budget = budget = MemoryBudget(settings.queue_size * settings.max_upload_bytes)
        self._stopping = False
        self._metrics.watch("held_bytes", "Bytes of uploads and responses in memory", lambda: budget.reserved)
        self._metrics.watch("held_limit_bytes", "Bytes of them that may be in memory", lambda: budget.limit)

    def stop(self) -> None:
        """Tell load balancers, and each client with its next response, to send no more requests."""
        self._stopping = self._model.stopping = True

    async def __call__(self, scope: Environ, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange, client_port = Exchange(scope, receive, send, self._settings, self._budget), int(scope["client"][1])
        self.heads.begin(client_port)
        try:
            await self._answer(exchange, scope)
        finally:
            self.heads.end(client_port, exchange.size)

    async def _answer(self, exchange: "Exchange", scope: Environ) -> None:
        began_at = monotonic()
        exchange.trace.begin(exchange.id)
        method, route = scope["method"], Route()
        try:
            try:
                check_head(scope, exchange.environ)
                security.check_access(exchange.environ, exchange.path, self._settings.api_key)
                route = route_of(self._app, exchange.environ)
                response = await self._response(exchange, takes_body=route.segments)
                exchange.hold(response.content_length or 0 if route.segments else 0)
            except Exception as error:
                exchange.hold(0)
                response = error_response(error, method, exchange.path)
            security.add_headers(response, exchange.environ, exchange.path, self._settings)
            self._metrics.count_request(method, route.path, response.status_code, monotonic() - began_at)
            if self._stopping:
                response.headers["Connection"] = "close"
            with closing(response):
                await exchange.respond(response, refuses_body=route.segments)
        finally:
            exchange.hold(0)
        target = (scope["raw_path"] + b"?" + scope["query_string"]).decode("latin-1").rstrip("?")
        status, remote = response.status_code, scope["client"][0]
        log_access(monotonic() - began_at, target, remote=remote, method=method, status=status, bytes=exchange.sent)
        if status != HTTPStatus.REQUEST_TIMEOUT:
            await exchange.discard()

    async def _response(self, exchange: "Exchange", *, takes_body: bool) -> Response:
        """Return Flask's response. Raises SegmenterError or HTTPException if the request does not get so far."""
        environ, connection, body, watch = exchange.environ, Connection(), [], None
        if takes_body:
            if int(environ.get("CONTENT_LENGTH", 0)) > self._settings.max_upload_bytes:
                raise too_large(self._settings.max_upload_bytes)
            self._model.check()
            body = await exchange.receive_body()
            watch = asyncio.create_task(exchange.watch(connection))
        try:
            environ |= {"wsgi.input": Body(body), CONNECTION: connection}
            return await asyncio.to_thread(Response.from_app, self._app, environ)
        finally:
            if watch:
                watch.cancel()


class Exchange:
    """A request and its response; `size` counts the bytes of the request, `sent` those of the response's body."""

    def __init__(self, scope: Environ, receive: Receive, send: Send, settings: Settings, budget: MemoryBudget) -> None:
        self.environ = environ_of(scope)
        self.path = self.environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        found = VALID_ID.fullmatch(self.environ.get("HTTP_X_REQUEST_ID", ""))
        self.id = found[0] if found else f"{random.getrandbits(128):032x}"
        self.trace = trace_of(self.environ.get("HTTP_TRACEPARENT", ""), exports=bool(settings.traces_endpoint))
        self.size, self.sent = head_size(scope), 0
        self._receive, self._send = receive, send
        self._settings, self._budget, self._held = settings, budget, 0
        self._ended = False  # before the body was received
        self._received = "HTTP_TRANSFER_ENCODING" not in self.environ and not int(self.environ.get("CONTENT_LENGTH", 0))

    def hold(self, size: int) -> None:
        """Reserve `size` bytes of the budget in place of those that were reserved before. Raises MemoryFull."""
        self._budget.reserve(size - self._held)
        self._held = size

    async def _pieces(self) -> AsyncIterator[bytes]:
        while not self._received:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._ended = True
                raise BadRequest(INCOMPLETE)
            self._received = not message["more_body"]
            self.size += len(message["body"])
            yield message["body"]

    async def receive_body(self) -> list[bytes]:
        """Return the pieces of the request's body, and hold their bytes. Raises HTTPException or MemoryFull."""
        pieces = []
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                async for piece in self._pieces():
                    pieces.append(piece)
                    self.hold(self._held + len(piece))
                    if self._held > self._settings.max_upload_bytes:
                        raise too_large(self._settings.max_upload_bytes)
        except TimeoutError:
            raise RequestTimeout(TOO_SLOW) from None
        return pieces

    async def watch(self, connection: Connection) -> None:
        """Tell `connection` when the client disconnects."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        connection.disconnected = True

    async def respond(self, response: Response, *, refuses_body: bool) -> None:
        """Send `response`, within its deadline; with `refuses_body`, tell a client that still sends to stop."""
        headers, size = response.headers, self.size
        headers["X-Request-ID"] = self.id
        headers.update(self.trace.headers)
        if refuses_body and not self._received:
            headers["Connection"] = "close"
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        self.size = -math.inf
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.request_timeout):
                await self._send({"type": "http.response.start", "status": response.status_code, "headers": encoded})
                more = True
                for chunk in response.iter_encoded():
                    for at in range(0, len(chunk), PIECE):
                        self.sent += len(piece := chunk[at : at + PIECE])
                        more = self.sent != response.content_length
                        await self._send({"type": "http.response.body", "body": piece, "more_body": more})
                if more:
                    await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                self.size = size

    async def discard(self) -> None:
        """Receive the rest of the request's body for as long as bytes keep coming, within the deadline of a request."""
        with suppress(TimeoutError, BadRequest):
            async with asyncio.timeout(self._settings.request_timeout):
                pieces = self._pieces()
                while not (self._received or self._ended):
                    await asyncio.wait_for(anext(pieces, None), LINGER)
