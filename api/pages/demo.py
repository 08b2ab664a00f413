"""GET /demo: a web page that calls this API, and its sample photos."""

from pathlib import Path

from flask import Flask, Response, send_from_directory
from flask_restx import Api

from api.pages import FILES, page_policy

ASSETS = Path(__file__).parents[2] / "assets"
SAMPLES = ("hopper.jpg", "chelsea.jpg")
FOLDER = FILES / "demo"
CODE = tuple(sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".css", ".js", ".svg"}))


def init(app: Flask, _api: Api) -> None:
    """Add the page, its code and its sample photos to `app`; they need no API key."""
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": page_policy(img_src="'self'")}
    page = (FOLDER / "demo.html").read_bytes()

    @app.get("/demo")
    def demo() -> Response:
        return Response(page, mimetype="text/html", headers=headers)

    @app.get(f"/demo/<any{SAMPLES + CODE}:name>")
    def demo_file(name: str) -> Response:
        return send_from_directory(FOLDER if name in CODE else ASSETS, name)
