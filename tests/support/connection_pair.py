"""A connection in the process of the tests, with gunicorn's part of it on one end."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gunicorn.config import Config

from server.deadlines import Connection
from tests.support.service import TIMEOUT

BUFFER = 1 << 20


@dataclass
class Pair:
    """Both ends of a connection: the socket of the client, and the server's Connection."""

    client: socket.socket
    connection: Connection


@contextmanager
def connected_pair() -> Iterator[Pair]:
    """Yield a Pair whose buffers hold a whole request."""
    server, client = socket.socketpair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    client.settimeout(TIMEOUT)
    with server, client:
        yield Pair(client, Connection(Config(), server, ("10.0.0.1", 1), None))
