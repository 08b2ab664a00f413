"""Who may ask, from where, and what a browser may do with the answers."""

import hmac
from http import HTTPStatus

from flask import Flask, request
from flask_cors import CORS
from werkzeug import Response

from api.errors import answer
from config import Settings


def page_policy(*sources: str) -> str:
    """Return the content security policy of a page that reaches its own service only, with the `sources` it needs."""
    return "; ".join(
        [
            "default-src 'none'",
            "connect-src 'self'",
            *sources,
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


# Swagger UI's page starts itself by an inline script, and has fonts, styles and pictures of its own.
SWAGGER_POLICY = page_policy(
    "font-src 'self'",
    "img-src 'self' data: blob:",
    "script-src 'self' 'unsafe-inline'",
    "style-src 'self' 'unsafe-inline'",
)
# What is not a page has nothing to load.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


def install(app: Flask, settings: Settings) -> None:
    """Let `app` answer only whom `settings` allow, with headers that keep browsers from misusing what it says."""
    if settings.cors_enable:
        CORS(app, origins=list(settings.cors_origins), expose_headers=["Retry-After", "X-Request-ID"])
    if settings.api_key:
        app.before_request(lambda: _require_key(settings.api_key))
    app.after_request(_add_headers)


def _require_key(key: str) -> Response | None:
    """Refuse a request to the model without the right X-API-Key; a CORS preflight can't carry one."""
    if not request.path.startswith("/model/") or request.method == "OPTIONS":
        return None
    if is_key(request.headers.get("X-API-Key", ""), key):
        return None
    return answer(HTTPStatus.UNAUTHORIZED, "the header X-API-Key is missing or wrong; send the key of this service")


def is_key(given: str, key: str) -> bool:
    """Return whether `given`, as WSGI hands it over, is `key`, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode("latin-1"), key.encode())


def headers(path: str) -> dict[str, str]:
    """Return the headers that each answer at `path` has, unless it has its own."""
    common = {
        "Content-Security-Policy": SWAGGER_POLICY if path == "/" else DATA_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    # What is in somebody's photo is for nobody else's cache.
    return common | {"Cache-Control": "no-store"} if path.startswith("/model/") else common


def _add_headers(response: Response) -> Response:
    for name, value in headers(request.path).items():
        response.headers.setdefault(name, value)
    return response
