"""Access control and the security headers: API key, CORS, content security policy."""

import base64
import hashlib
import hmac
import re
from http import HTTPStatus

from flask import Flask, request
from flask_cors import CORS
from werkzeug import Response

from api.errors import error_response
from config import Settings


def page_policy(*sources: str) -> str:
    """Return the content security policy of a page that connects to its own service only, and loads from `sources`."""
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


def inline_hash(page: str, tag: str) -> str:
    """Return the source expression that allows the one inline `tag`, without attributes, of `page`."""
    [content] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


# Responses that are not pages load nothing.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


def init_app(app: Flask, settings: Settings) -> None:
    """Add the API key and CORS of `settings` to `app`, and the security headers to its responses."""
    if settings.cors_enable:
        CORS(app, origins=list(settings.cors_origins), expose_headers=["Retry-After", "X-Request-ID"])
    if settings.api_key:
        app.before_request(lambda: _require_key(settings.api_key))
    app.after_request(_add_headers)


def _require_key(key: str) -> Response | None:
    """Reject a request to /model/ without the right X-API-Key, except a CORS preflight, which can't carry one."""
    if not request.path.startswith("/model/") or request.method == "OPTIONS":
        return None
    if is_key(request.headers.get("X-API-Key", ""), key):
        return None
    return error_response(
        HTTPStatus.UNAUTHORIZED, "the header X-API-Key is missing or wrong; send the key of this service"
    )


def is_key(given: str, key: str) -> bool:
    """Return whether `given`, a header as WSGI decodes it (Latin-1), is `key`; the comparison takes constant time."""
    return hmac.compare_digest(given.encode("latin-1"), key.encode())


def headers(path: str) -> dict[str, str]:
    """Return the default security headers of a response at `path`."""
    common = {
        "Content-Security-Policy": DATA_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    # Results are private to the client that sent the photo: no cache may keep them.
    return common | {"Cache-Control": "no-store"} if path.startswith("/model/") else common


def _add_headers(response: Response) -> Response:
    for name, value in headers(request.path).items():
        response.headers.setdefault(name, value)
    return response
