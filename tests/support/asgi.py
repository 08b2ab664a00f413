"""Requests to an ASGI application in the process of the tests, without a server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import EnvironHeaders, Headers

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

DISCONNECT: Message = {"type": "http.disconnect"}


def body_part(data: bytes, *, more: bool = False) -> Message:
    """Return the message with a part of a request's body."""
    return {"type": "http.request", "body": data, "more_body": more}


def scope(path: str = "/model/predict", method: str = "POST", query: str = "", **headers: str) -> Message:
    """Return a connection scope as Granian makes it; underscores in names of headers become hyphens."""
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {
        "type": "http",
        "method": method,
        "http_version": "1.1",
        "scheme": "http",
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [(b"host", b"localhost"), *pairs],
        "server": ("127.0.0.1", "5000"),
        "client": ("127.0.0.1", "40000"),
    }


@dataclass
class Connection:
    """A client that sends `parts`, then nothing more, and keeps what it receives."""

    parts: list[Message]
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    complete: bool = False

    async def receive(self) -> Message:
        """Return the next part; wait forever after the last one."""
        if not self.parts:
            await asyncio.Event().wait()
        return self.parts.pop(0)

    async def send(self, message: Message) -> None:
        """Keep a message of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = Headers([(name.decode(), value.decode("latin-1")) for name, value in message["headers"]])
        else:
            self.body += message["body"]
            self.complete = not message["more_body"]


def exchange(application: Application, scope: Message, *parts: Message) -> Connection:
    """Send a request to `application`; return the connection when it has ended."""
    connection = Connection([*parts])
    asyncio.run(application(scope, connection.receive, connection.send))  # type: ignore[arg-type]
    return connection


class AsgiAsWsgi:
    """A WSGI application that hands its requests to an ASGI application, for Werkzeug's test client."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Message, start_response: Callable[..., object]) -> Iterable[bytes]:
        """Return the body of the response."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        head = scope(environ["PATH_INFO"], environ["REQUEST_METHOD"], environ["QUERY_STRING"])
        head["headers"] = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in EnvironHeaders(environ).items()
        ]
        connection = exchange(self._application, head, body_part(body))
        start_response(f"{connection.status} -", [*connection.headers])
        return [connection.body]
