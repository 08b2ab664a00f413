"""Access control and the security headers: API key, CORS, content security policy."""

import hmac
from collections.abc import Mapping
from typing import Any

from flask import Flask, request
from flask_restx import Api
from werkzeug import Response
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from api.protocols import is_private
from api.protocols.tensors import HEADER
from config import Settings

# Responses that are not pages load nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
EXPOSED_HEADERS = f"Retry-After, X-Request-ID, traceresponse, {HEADER}"
ALLOWED_METHODS = "GET, HEAD, POST, OPTIONS"


def init(app: Flask, _api: Api) -> None:
    """Let `app` require the API key of its settings by itself, too: another server than ours does not."""

    @app.before_request
    def require_key() -> None:
        check_access(request.environ, request.path, app.extensions["settings"].api_key)


def check_access(environ: Mapping[str, Any], path: str, key: str) -> None:
    """Raise Unauthorized if a request for `path` needs the `key` and has none; a CORS preflight can't carry one."""
    if is_private(path) and environ["REQUEST_METHOD"] != "OPTIONS":
        check_key(environ, key)


def check_key(environ: Mapping[str, Any], key: str) -> None:
    """Raise Unauthorized if there is a `key`, and the request of a WSGI environment has another one.

    It is in the header X-API-Key or, with the scheme Bearer (RFC 6750, 2.1), in Authorization. Headers are decoded as
    Latin-1. The comparison takes constant time.
    """
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    given = environ.get("HTTP_X_API_KEY", token.lstrip() if scheme.lower() == "bearer" else "")
    if key and not hmac.compare_digest(given.encode("latin-1"), key.encode()):
        raise Unauthorized(
            "the header X-API-Key is missing or wrong; send the key of this service in it, or as Authorization: Bearer",
            www_authenticate=WWWAuthenticate("bearer"),
        )


def add_cors_headers(response: Response, environ: Mapping[str, Any], settings: Settings) -> None:
    """Add the headers by which a browser lets a page of another origin send a request and read its `response`.

    They are those of the Fetch standard, 3.3. A preflight is answered by the route, as any OPTIONS request.
    """
    if not settings.cors_enable:
        return
    response.vary.add("Origin")
    origin = environ.get("HTTP_ORIGIN")
    if not origin or not {origin, "*"} & {*settings.cors_origins}:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
        response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        return
    response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
    if asked := environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"):
        response.headers["Access-Control-Allow-Headers"] = asked


def add_headers(response: Response, environ: Mapping[str, Any], path: str, settings: Settings) -> None:
    """Add the security headers that the `response` at `path` does not have, and those of CORS."""
    for name, value in headers(path).items():
        response.headers.setdefault(name, value)
    add_cors_headers(response, environ, settings)


def headers(path: str) -> dict[str, str]:
    """Return the default security headers of a response at `path`."""
    common = {
        "Content-Security-Policy": DATA_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    # Results are private to the client that sent the photo: no cache may keep them.
    return common | {"Cache-Control": "no-store"} if is_private(path) else common
