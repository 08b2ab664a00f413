"""GET /: Swagger UI, whose files Flask-RESTX serves at /swaggerui, in a page that works below any path prefix."""

import gzip
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request
from flask_restx import Api

from api.security import inline_hash, page_policy

PAGE = Path(__file__).with_name("swagger_ui.html").read_text(encoding="utf-8")
# Responses that are sent compressed: the files of the page, and the descriptions.
COMPRESSED = ("/swaggerui/", "/swagger.json", "/openapi.json")


def init(app: Flask, api: Api) -> None:
    """Serve the page at the address of the documentation of `api`, and compress what it loads from `app`.

    The page of Flask-RESTX has absolute addresses, and an inline script that changes with the settings.
    """
    policy = page_policy(
        "font-src 'self'",
        "img-src 'self' data: blob:",
        f"script-src 'self' {inline_hash(PAGE, 'script')}",
        # Swagger UI sets inline styles.
        "style-src 'self' 'unsafe-inline'",
    )

    @api.documentation
    def page() -> Response:
        return Response(PAGE, mimetype="text/html", headers={"Content-Security-Policy": policy})

    @app.after_request
    def compress(response: Response) -> Response:
        mimetype = response.mimetype or ""
        is_text = mimetype.startswith("text/") or mimetype.endswith(("javascript", "json"))
        if not request.path.startswith(COMPRESSED) or not is_text or response.status_code != 200:
            return response
        response.vary.add("Accept-Encoding")
        if request.method == "GET" and request.accept_encodings.quality("gzip") > 0:
            response.direct_passthrough = False
            response.set_data(compressed(response.get_data()))
            response.headers["Content-Encoding"] = "gzip"
            etag, _ = response.get_etag()
            if etag:
                # The bytes differ, the content does not (RFC 9110, 8.8.1).
                response.set_etag(etag, weak=True)
        return response


@lru_cache(maxsize=32)
def compressed(content: bytes) -> bytes:
    """Return `content`, one of a few files, compressed."""
    return gzip.compress(content, mtime=0)
