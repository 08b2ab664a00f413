"""The check whether the client of a request is still connected."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from api.connection import connection_check


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The client's and the server's end of a connection."""
    client, server = socket.socketpair()
    with client, server:
        yield client, server


def check_for(**environ: object) -> Callable[[], bool]:
    """Return connection_check() of a request with more WSGI variables."""
    with Flask("connection").test_request_context(environ_overrides={f"gunicorn.{k}": v for k, v in environ.items()}):
        return connection_check()


def test_connection_check_of_connected_client_returns_true(ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = ends
    is_connected = check_for(socket=server)
    assert is_connected()
    client.sendall(b"the next request")
    assert is_connected()


def test_connection_check_after_client_has_closed_returns_false(ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = ends
    is_connected = check_for(socket=server)
    client.close()
    assert not is_connected()


def test_connection_check_after_client_has_closed_its_sending_side_returns_false(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    client, server = ends
    is_connected = check_for(socket=server)
    client.shutdown(socket.SHUT_WR)
    assert not is_connected()


def test_connection_check_in_another_thread_returns_state(ends: tuple[socket.socket, socket.socket]) -> None:
    client, server = ends
    is_connected = check_for(socket=server)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(is_connected).result()
        client.close()
        assert not pool.submit(is_connected).result()


def test_connection_check_on_server_without_socket_returns_true() -> None:
    assert check_for()()
