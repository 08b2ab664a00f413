"""Detects that the client of a request has disconnected."""

import select
from collections.abc import Callable

from flask import request

# The poll event for a peer that has closed its side of the connection. Only Linux has it.
PEER_CLOSED = getattr(select, "POLLRDHUP", 0)


def connection_check() -> Callable[[], bool]:
    """Return a function that tells, from any thread, whether the client of the current request is still connected.

    A client that has closed only its sending side counts as disconnected, as it does for nginx.
    """
    sock = request.environ.get("gunicorn.socket")
    if sock is None or not PEER_CLOSED:
        return lambda: True
    poll = select.poll()
    poll.register(sock, PEER_CLOSED)
    return lambda: not poll.poll(0)
