"""GET /: Swagger UI, whose files Flask-RESTX serves at /swaggerui, in a page that works below any path prefix."""

from pathlib import Path

from flask import Response
from flask_restx import Api

from api.security import inline_hash, page_policy

PAGE = Path(__file__).with_name("swagger.html").read_text(encoding="utf-8")


def init_api(api: Api) -> None:
    """Serve the page at the address of the documentation of `api`.

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
