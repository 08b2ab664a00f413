"""The connection of a request: whether the client is still there."""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from api.context import CONNECTION, Connection, connection_check


def test_connection_check_returns_false_in_any_thread_after_client_has_disconnected() -> None:
    connection = Connection()
    with Flask("connection").test_request_context(environ_overrides={CONNECTION: connection}):
        is_connected = connection_check()
    with ThreadPoolExecutor(1) as pool:
        assert is_connected()
        assert pool.submit(is_connected).result()
        connection.disconnected = True
        assert not is_connected()
        assert not pool.submit(is_connected).result()


def test_connection_check_on_server_that_tells_nothing_returns_true() -> None:
    with Flask("connection").test_request_context():
        assert connection_check()()
