"""Whether somebody still waits at the other end of a request."""

import select
from collections.abc import Callable

from flask import request

# That the other side has closed, where the system tells (Linux).
GONE = getattr(select, "POLLRDHUP", 0)


def waiting_client() -> Callable[[], bool]:
    """Return a function that tells, in any thread, whether the client of the current request is still connected.

    One that has closed its sending side only counts as gone too, as it does for nginx.
    """
    sock = request.environ.get("gunicorn.socket")
    if sock is None or not GONE:
        return lambda: True
    poll = select.poll()
    poll.register(sock, GONE)
    return lambda: not poll.poll(0)
