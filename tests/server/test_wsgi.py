"""The bridge to Flask: the WSGI environment, the body as a stream, and the checks of a request's head."""

from collections.abc import Iterable

import pytest
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from server.wsgi import MAX_HEADER, MAX_TARGET, Body, check_head, environ_of
from tests.support.asgi import Message, scope


def checked(head: Message) -> int | None:
    """Return the status with which check_head() rejects `head`, or 0."""
    try:
        check_head(head, environ_of(head))
    except HTTPException as error:
        return error.code
    return 0


def environ(**headers: str) -> Message:
    """Return the WSGI environment of a request with `headers`."""
    return environ_of(scope("/a%20b/%C3%BC/%ff", "GET", "x=%20&y", **headers))


def test_environ_has_path_as_bytes_and_query_as_sent() -> None:
    found = environ()
    assert found["PATH_INFO"].encode("latin-1") == "/a b/ü/".encode() + b"\xff"
    assert found["QUERY_STRING"] == "x=%20&y"
    assert (found["REQUEST_METHOD"], found["SCRIPT_NAME"]) == ("GET", "")
    assert (found["REMOTE_ADDR"], found["SERVER_NAME"], found["SERVER_PORT"]) == ("127.0.0.1", "127.0.0.1", "5000")


def test_environ_has_headers_as_variables_and_joins_those_with_one_name() -> None:
    head = scope(content_type="a/b", content_length="5", x_a="1")
    head["headers"].append((b"x-a", "ü".encode()))
    found = environ_of(head)
    assert (found["CONTENT_TYPE"], found["CONTENT_LENGTH"]) == ("a/b", "5")
    assert found["HTTP_X_A"].encode("latin-1") == "1,ü".encode()


def test_header_with_underscore_is_left_out() -> None:
    head = scope(x_api_key="right")
    head["headers"] += [(b"x_api_key", b"wrong"), (b"content_length", b"9")]
    found = environ_of(head)
    assert found["HTTP_X_API_KEY"] == "right"
    assert "CONTENT_LENGTH" not in found
    assert not [name for name in found if name.startswith("HTTP_CONTENT")]


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-prefix", "forwarded"])
def test_header_of_a_proxy_does_not_change_path_scheme_or_address(name: str) -> None:
    found = environ(**{name: "elsewhere"})
    changed = {key for key, value in found.items() if environ().get(key) != value}
    assert changed == {f"HTTP_{name.upper().replace('-', '_')}", "wsgi.file_wrapper"}


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"ab", b"", b"c" * 70_000, b"d"]])
@pytest.mark.parametrize("size", [1000, 65_536, 1 << 20])
def test_body_read_returns_all_bytes_in_order(pieces: list[bytes], size: int) -> None:
    body = Body(piece for piece in pieces if piece)
    assert b"".join(iter(lambda: body.read(size), b"")) == b"".join(pieces)
    assert body.read(size) == b""


def test_body_frees_each_piece_when_it_has_been_read() -> None:
    body = Body([bytes(1000), bytes(1000)])
    freed = []
    for _ in range(4):
        body.read(600)
        freed.append(2 - len(body._pieces))
    assert freed == [0, 1, 1, 2]


def test_flask_reads_a_body_without_content_length() -> None:
    app = Flask("length")

    @app.post("/")
    def length() -> Response:
        return Response(str(len(request.get_data())))

    head = scope("/", transfer_encoding="chunked")
    response = Response.from_app(app, environ_of(head) | {"wsgi.input": Body([bytes(10), bytes(5)])})
    assert response.get_data() == b"15"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 0),
        ({"transfer_encoding": "chunked"}, 0),
        ({"transfer_encoding": "Chunked"}, 0),
        ({"transfer_encoding": "gzip, chunked"}, 400),
        ({"transfer_encoding": "chunked, chunked"}, 400),
        ({"transfer_encoding": "identity"}, 400),
        ({"expect": "100-Continue"}, 0),
        ({"expect": "200-maybe"}, 417),
    ],
)
def test_check_head_rejects_ambiguous_and_unserved_headers(headers: dict[str, str], status: int) -> None:
    assert checked(scope(**headers)) == status


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [([b"a"], "1.1", 0), ([], "1", 0), ([], "1.1", 400), ([b""], "1.1", 400), ([b"a", b"b"], "1.1", 400)],
)
def test_check_head_requires_one_host(hosts: Iterable[bytes], version: str, status: int) -> None:
    head = scope() | {"headers": [(b"host", host) for host in hosts], "http_version": version}
    assert checked(head) == status


def test_check_head_rejects_long_header() -> None:
    assert checked(scope(x="a" * (MAX_HEADER - 1))) == 0
    assert checked(scope(x="a" * MAX_HEADER)) == 431


def test_check_head_rejects_long_target() -> None:
    assert checked(scope("/" + "a" * (MAX_TARGET - 2), query="b")) == 0
    assert checked(scope("/" + "a" * (MAX_TARGET - 2), query="bb")) == 414
