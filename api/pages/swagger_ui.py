"""GET /: Swagger UI, whose files Flask-RESTX serves at /swaggerui, in a page that works below any path prefix."""

import gzip
from functools import lru_cache

from flask import Flask, Response, request, send_from_directory
from flask_restx import Api

from api.pages import FILES, page_policy

CODE = ("swagger.css", "swagger.js")
# Responses that are sent compressed: the files of the page, and the descriptions.
COMPRESSED = ("/swaggerui/", "/swagger.json", "/openapi.json")


def init(app: Flask, api: Api) -> None:
    """Serve the page where Flask-RESTX would serve its own, and compress the files that it loads.

    The page of Flask-RESTX has absolute addresses, and an inline script that changes with the settings.
    """
    # Swagger UI sets inline styles.
    policy = page_policy(font_src="'self'", img_src="'self' data: blob:", style_src="'self' 'unsafe-inline'")
    html = (FILES / "swagger.html").read_bytes()

    @api.documentation
    def page() -> Response:
        return Response(html, mimetype="text/html", headers={"Content-Security-Policy": policy})

    @app.get(f"/<any{CODE}:name>")
    def swagger_file(name: str) -> Response:
        return send_from_directory(FILES, name)

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
