"""GET /: Swagger UI, whose files Flask-RESTX serves at /swaggerui, in a page that works below any path prefix."""

from flask import Flask, Response, send_from_directory
from flask_restx import Api

from api.pages import FILES, page_policy

CODE = ("swagger.css", "swagger.js")


def init(app: Flask, api: Api) -> None:
    """Serve the page where Flask-RESTX would serve its own.

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
