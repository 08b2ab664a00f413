"""The connection of a request, through which the server and the Flask application tell each other about it."""

from collections.abc import Callable
from typing import cast

from flask import request

# The variable of the WSGI environment that holds the Connection.
CONNECTION = "segmenter.connection"
# The route of a request for an unknown path.
UNKNOWN = "unknown"


class Connection:
    """The server sets `disconnected` when the client disconnects; the application sets the `route` of the request.

    A client that has closed only its sending side counts as disconnected, as it does for nginx.
    """

    def __init__(self, route: str = UNKNOWN) -> None:
        self.disconnected = False
        self.route = route


def current_connection() -> Connection:
    """Return the connection of the current request; another server than ours does not tell it."""
    return cast(Connection, request.environ.setdefault(CONNECTION, Connection()))


def connection_check() -> Callable[[], bool]:
    """Return a function that tells, from any thread, whether the client of the current request is still connected."""
    connection = current_connection()
    return lambda: not connection.disconnected
