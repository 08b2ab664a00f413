"""GET /demo: a web page that calls this API, in one HTML file, and its sample photos."""

import base64
import hashlib
import re
from pathlib import Path

from flask import Flask, Response, send_from_directory

from api.security import page_policy

PAGE = Path(__file__).with_name("demo.html").read_text(encoding="utf-8")
ASSETS = Path(__file__).parent.parent / "assets"
SAMPLES = ("astronaut.jpg", "chelsea.jpg")


def init_app(app: Flask) -> None:
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
        "img-src 'self' data:", f"script-src {_hash(page, 'script')}", f"style-src {_hash(page, 'style')}"
    )


def _hash(page: str, tag: str) -> str:
    """Return the source expression that allows the one inline `tag` of `page`."""
    [content] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
