"""Fixtures of the tests of server."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from gunicorn.config import Config

from server.deadlines import Connection


@dataclass
class Pair:
    """Both ends of a connection: the socket of the client, and the server's Connection."""

    client: socket.socket
    connection: Connection


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection in this process, with buffers that hold a whole request."""
    server, client = socket.socketpair()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    client.settimeout(60)
    with server, client:
        yield Pair(client, Connection(Config(), server, ("10.0.0.1", 1), None))
