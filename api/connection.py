"""The connection of a request, through which the server tells the Flask application about the client."""

from collections.abc import Callable
from typing import cast

from flask import request

# The variable of the WSGI environment that holds the Connection.
CONNECTION = "segmenter.connection"


class Connection:
    """The server sets `disconnected` when the client disconnects.

    A client that has closed only its sending side counts as disconnected, as it does for nginx.
    """

    disconnected = False


def current_connection() -> Connection:
    """Return the connection of the current request; a new one if another server does not set it."""
    return cast(Connection, request.environ.setdefault(CONNECTION, Connection()))


def connection_check() -> Callable[[], bool]:
    """Return a function that tells, from any thread, whether the client of the current request is still connected."""
    connection = current_connection()
    return lambda: not connection.disconnected
