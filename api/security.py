"""Access control and the security headers: API key, CORS, content security policy."""

import hmac
from collections.abc import Mapping
from typing import Any

from flask import Flask, request
from flask_cors import CORS
from flask_restx import Api
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from api.protocols import is_private
from config import Settings

# Responses that are not pages load nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


EXPOSED_HEADERS = ("Retry-After", "X-Request-ID", "traceresponse")


def init(app: Flask, _api: Api) -> None:
    """Add the API key and CORS of the settings of `app`."""
    settings: Settings = app.extensions["settings"]
    if settings.cors_enable:
        CORS(app, origins=list(settings.cors_origins), expose_headers=list(EXPOSED_HEADERS))

    @app.before_request
    def require_key() -> None:
        # A CORS preflight can't carry a key.
        if is_private(request.path) and request.method != "OPTIONS":
            check_key(request.environ, settings.api_key)


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


def cors_headers(origin: str | None, settings: Settings) -> dict[str, str]:
    """Return the headers that let a page of `origin` read a response, as Flask-CORS adds them to those of Flask."""
    if not (settings.cors_enable and origin and {origin, "*"} & {*settings.cors_origins}):
        return {}
    exposed = ", ".join(EXPOSED_HEADERS)
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": exposed, "Vary": "Origin"}


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
