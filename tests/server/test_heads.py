"""The deadline of heads, on real connections and with a clock of the test."""

import math
import socket
from collections.abc import Iterator

import pytest

from server.heads import Heads
from tests.support.service import wait_for

SECONDS = 10.0


class Pair:
    """Both ends of a connection to `port`."""

    def __init__(self, listener: socket.socket) -> None:
        self.client = socket.create_connection(listener.getsockname()[:2])
        self.server, address = listener.accept()
        self.client_port: int = address[1]
        self.client.settimeout(0.0)

    def send(self, data: bytes) -> None:
        """Send `data`, and read it at the other end."""
        self.client.sendall(data)
        wait_for(lambda: self.server.recv(1000, socket.MSG_PEEK) == data)
        self.server.recv(1000)

    @property
    def is_open(self) -> bool:
        """Whether the server has not closed the connection."""
        try:
            return self.client.recv(1) != b""
        except BlockingIOError:
            return True


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A listening socket."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as listening:
        yield listening


@pytest.fixture
def heads(listener: socket.socket) -> Heads:
    """The heads of connections to `listener`."""
    return Heads(listener.getsockname()[1], SECONDS)


@pytest.fixture
def pair(listener: socket.socket) -> Iterator[Pair]:
    """A connection."""
    pair = Pair(listener)
    yield pair
    pair.client.close()
    pair.server.close()


@pytest.mark.parametrize("start", [b"", b"GET"])
def test_first_head_has_its_deadline_from_the_connection_on(heads: Heads, pair: Pair, start: bytes) -> None:
    heads.close_late(100)
    pair.send(start) if start else None
    heads.close_late(100 + SECONDS)
    assert pair.is_open
    heads.close_late(101 + SECONDS)
    assert not pair.is_open


def test_idle_connection_stays_open(heads: Heads, pair: Pair) -> None:
    heads.close_late(100)
    for now in (101.0, 500.0, 900.0):
        pair.send(b"request")
        heads.begin(pair.client_port)
        heads.end(pair.client_port, len(b"request"))
        heads.close_late(now)
        heads.close_late(now + 30 * SECONDS)
        assert pair.is_open


def test_later_head_has_its_deadline_from_its_first_byte_on(heads: Heads, pair: Pair) -> None:
    pair.send(b"request")
    heads.begin(pair.client_port)
    heads.close_late(100)
    heads.end(pair.client_port, len(b"request"))
    heads.close_late(500)
    pair.send(b"GE")
    heads.close_late(600)
    pair.send(b"T")  # a byte does not extend the deadline
    heads.close_late(600 + SECONDS)
    assert pair.is_open
    heads.close_late(601 + SECONDS)
    assert not pair.is_open


def test_head_that_begins_between_two_looks_has_its_whole_deadline(heads: Heads, pair: Pair) -> None:
    pair.send(b"re")
    heads.close_late(100)  # the first head has begun
    pair.send(b"questre")
    heads.begin(pair.client_port)
    heads.end(pair.client_port, len(b"request"))
    heads.close_late(100 + SECONDS)  # the second one has
    heads.close_late(100 + 2 * SECONDS)
    assert pair.is_open
    heads.close_late(101 + 2 * SECONDS)
    assert not pair.is_open


def test_connection_with_a_request_stays_open(heads: Heads, pair: Pair) -> None:
    heads.begin(pair.client_port)
    pair.send(b"a body")
    for now in (100.0, 200.0, 300.0):
        heads.close_late(now)
    heads.end(pair.client_port, math.inf)
    heads.close_late(400)
    heads.close_late(400 + 30 * SECONDS)
    assert pair.is_open


def test_head_that_begins_at_once_after_a_request_has_its_deadline(heads: Heads, pair: Pair) -> None:
    heads.close_late(100)
    for size in (7, 9):  # also if a client writes its head in fewer bytes than most do
        pair.send(b"request")
        heads.begin(pair.client_port)
        heads.end(pair.client_port, size)
        heads.close_late(101)
    pair.send(b"requestGE")
    heads.begin(pair.client_port)
    heads.end(pair.client_port, len(b"request"))
    heads.close_late(200)
    heads.close_late(200 + SECONDS)
    assert pair.is_open
    heads.close_late(201 + SECONDS)
    assert not pair.is_open


def test_connections_to_other_ports_stay_open(pair: Pair) -> None:
    other = Heads(1, SECONDS)
    other.close_late(100)
    other.close_late(200)
    assert pair.is_open


def test_closed_connections_are_forgotten(heads: Heads, listener: socket.socket) -> None:
    pair = Pair(listener)
    heads.close_late(100)
    heads.begin(pair.client_port)
    heads.close_late(101)
    heads.end(pair.client_port, 1)
    pair.client.close()
    pair.server.close()
    heads.close_late(102)
    assert (heads._waiting, heads._served, +heads._busy) == ({}, {}, {})
