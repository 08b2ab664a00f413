"""The id of a request: the client's own if it sent a valid one, else a new one. Each response carries it."""

import random
import re

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
# The id of a client or proxy is kept if it can't be mistaken for another part of a log line.
VALID_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def init_app(app: Flask) -> None:
    """Give each request of `app` an id, and add it to the response."""

    @app.before_request
    def assign_id() -> None:
        g.request_id = request_id(request.headers.get(HEADER, ""))

    @app.after_request
    def add_header(response: Response) -> Response:
        response.headers[HEADER] = g.request_id
        return response


def request_id(client_id: str) -> str:
    """Return `client_id` if it is a valid id, else a new one."""
    return client_id if VALID_ID.fullmatch(client_id) else new_id()


def new_id() -> str:
    """Return a random id of 32 hexadecimal digits."""
    return f"{random.getrandbits(128):032x}"
