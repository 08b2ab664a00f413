"""Errors become responses: JSON with one `message`, and a status, on every path."""

import logging
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, current_app, request
from flask_restx import Api
from werkzeug import Response
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
)
from werkzeug.routing.exceptions import WebsocketMismatch

from api.context import current_model
from api.description.swagger import described
from api.protocols import protocol_of
from config import Settings
from core.errors import (
    ClientGone,
    ImageTooLarge,
    InvalidImage,
    InvalidRequest,
    SegmenterError,
    Unavailable,
    UnsupportedImage,
)
from core.output.encode import JSON

logger = logging.getLogger(__name__)

# A status of nginx, for logs and metrics only: the client has gone.
CLIENT_CLOSED_REQUEST = 499

STATUS: dict[type[SegmenterError], int] = {
    ClientGone: CLIENT_CLOSED_REQUEST,
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    InvalidImage: HTTPStatus.BAD_REQUEST,
    ImageTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}


def init(app: Flask, _api: Api) -> None:
    """Let `app` answer a condition that is not met as it answers every error; Werkzeug sends the file with it."""

    @app.after_request
    def without_file(response: Response) -> Response:
        if response.status_code != HTTPStatus.PRECONDITION_FAILED:
            return response
        response.close()
        return error_response(PreconditionFailed(), request.method, request.path)


class JsonErrorApi(Api):
    """Flask-RESTX's Api with one form of error for all paths of a protocol, and a more complete Swagger description.

    Flask-RESTX documents both overridden members, but offers no hook for them: @api.errorhandler and @app.errorhandler
    cover only a part of the paths each, and the first logs a traceback for every 503.
    """

    def error_router(self, _original_handler: Any, error: Exception) -> Response:
        """Return the response to `error`, an exception that any route or Flask itself raised."""
        return error_response(error, request.method, request.path)

    @property
    def __schema__(self) -> dict[str, Any]:
        """Swagger's description; see api.description.swagger."""
        settings: Settings = current_app.extensions["settings"]
        # A header Host that is no address counts as none.
        url = settings.public_url or (request.url_root if request.host else settings.url)
        return described(super().__schema__, current_model().labels, url.rstrip("/"))


def error_response(error: Exception, method: str, path: str) -> Response:
    """Return the response to `error` of a request with `method` for `path`, in the form of its protocol.

    Logs an exception that is neither a SegmenterError nor an HTTPException.
    """
    if isinstance(error, HTTPException):
        response = error.get_response()  # with its headers: a 405's Allow, a redirect's Location
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            response.set_data(_json(path, _message(error, method, path)))
            response.content_type = JSON
        return response
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            response = Response(_json(path, str(error)), int(status), content_type=JSON)
            if isinstance(error, Unavailable):
                response.headers["Retry-After"] = str(error.retry_after)
            return response
    logger.error("unexpected error", exc_info=error)
    message = "the service failed at this request; its log has the reason"
    return Response(_json(path, message), HTTPStatus.INTERNAL_SERVER_ERROR.value, content_type=JSON)


def _json(path: str, message: str) -> bytes:
    return orjson.dumps({protocol_of(path).error: message}, option=orjson.OPT_APPEND_NEWLINE)


def _message(error: HTTPException, method: str, path: str) -> str:
    match error:
        case NotFound():
            message = f"{path} does not exist; / lists the addresses that do"
        case MethodNotAllowed():
            allowed = ", ".join(sorted(error.valid_methods or ()))
            message = f"{method[:20]} is not allowed at {path}; allowed: {allowed}"
        case WebsocketMismatch():
            message = "the header Upgrade: websocket is not served; send a plain HTTP request"
        case PreconditionFailed():
            message = f"{path} has changed, or never had this version; send the request without a condition"
        case RequestedRangeNotSatisfiable():
            message = f"the header Range is outside the {error.length:,} bytes of {path}; send the request without it"
        case RequestEntityTooLarge() if current_app:
            message = too_large(current_app.config["MAX_CONTENT_LENGTH"]).description or ""
        case _:
            message = error.description or error.name
    return message


def too_large(max_bytes: int) -> RequestEntityTooLarge:
    """Return the error of a request whose body has more than `max_bytes`."""
    return RequestEntityTooLarge(
        f"the upload is larger than {max_bytes / 1e6:g} MB, the limit (MAX_UPLOAD_MB); send a smaller image; "
        f"base64 adds a third: it can hold {0.75e-6 * max_bytes:g} MB"
    )
