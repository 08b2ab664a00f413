"""GET /demo: a web page that calls this API, in one HTML file, and its sample photos."""

from pathlib import Path

from flask import Flask, Response, send_from_directory
from flask_restx import Api

from api.security import inline_hash, page_policy

PAGE = Path(__file__).with_name("demo.html").read_text(encoding="utf-8")
ASSETS = Path(__file__).parents[2] / "assets"
SAMPLES = ("astronaut.jpg", "chelsea.jpg")


def init(app: Flask, _api: Api) -> None:
    """Add the page and its sample photos to `app`; they need no API key."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": content_security_policy(PAGE)}

    @app.get("/demo")
    def demo() -> Response:
        return Response(PAGE, mimetype="text/html", headers=headers)

    @app.get(f"/demo/<any{SAMPLES}:name>")
    def sample(name: str) -> Response:
        return send_from_directory(ASSETS, name)


def content_security_policy(page: str) -> str:
    """Return the policy that lets `page` connect to its own service only, and run only its inline code."""
    return page_policy(
        "img-src 'self' data:", f"script-src {inline_hash(page, 'script')}", f"style-src {inline_hash(page, 'style')}"
    )
