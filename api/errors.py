"""Errors become responses: JSON with one `message`, and a status, on every path."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from flask import current_app, jsonify, request
from flask_restx import Api
from gunicorn.http.errors import ParseException
from werkzeug import Response
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    RequestTimeout,
)

from api.extensions import current_model
from api.schemas import PARAMETERS
from core.errors import (
    ClientGone,
    ImageTooLarge,
    InvalidImage,
    InvalidRequest,
    SegmenterError,
    Unavailable,
    UnsupportedImage,
)

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


class JsonErrorApi(Api):
    """Flask-RESTX's Api with one form of error for all paths, and the served classes in its Swagger description.

    Flask-RESTX documents both overridden members, but offers no hook for them: @api.errorhandler and @app.errorhandler
    cover only a part of the paths each, and the first logs a traceback for every 503.
    """

    def error_router(self, _original_handler: Any, error: Exception) -> Response:
        """Return the response to `error`, an exception that any route or Flask itself raised."""
        # gunicorn's deadline for the body (server.deadlines) reaches Werkzeug as an exception within its own.
        if isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError):
            error = RequestTimeout()
        if isinstance(error, ParseException):
            error = BadRequest("the body is not valid chunked transfer coding (RFC 9112, 7.1); send valid chunks")
        if isinstance(error, HTTPException):
            return _http_error_response(error)
        for kind, status in STATUS.items():
            if isinstance(error, kind):
                response = error_response(status, str(error))
                if isinstance(error, Unavailable):
                    response.headers["Retry-After"] = str(error.retry_after)
                return response
        current_app.logger.error("unexpected error", exc_info=error)
        return error_response(
            HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed at this request; its log has the reason"
        )

    @property
    def __schema__(self) -> dict[str, Any]:
        """Swagger's description, with the names of the served classes in that of the parameter `classes`."""
        schema: dict[str, Any] = super().__schema__
        for parameter in schema["paths"]["/model/predict"]["post"]["parameters"]:
            if parameter["name"] == "classes":
                labels = ", ".join(current_model().labels)
                parameter["description"] = f"{PARAMETERS['classes']['description']} The classes: {labels}"
        return schema


def error_response(status: int, message: str) -> Response:
    """Return the response to an error."""
    response = jsonify(message=message)
    response.status_code = status
    return response


def _message(error: HTTPException) -> str:
    match error:
        case NotFound():
            return f"{request.path} does not exist; / lists the addresses that do"
        case MethodNotAllowed():
            return f"{request.method} is not allowed at {request.path}; allowed: {', '.join(error.valid_methods or ())}"
        case RequestTimeout():
            return "the request body was not received within REQUEST_TIMEOUT; send a smaller image"
        case ClientDisconnected():
            return "the request body ended early; send as many bytes as its Content-Length says"
        case RequestEntityTooLarge():
            return _too_large(current_app.config)
    return error.description or error.name


def _too_large(config: Mapping[str, Any]) -> str:
    if (request.content_length or 0) > config["MAX_CONTENT_LENGTH"]:
        megabytes = config["MAX_CONTENT_LENGTH"] / 1e6
        return f"the upload is larger than {megabytes:g} MB, the limit (MAX_UPLOAD_MB); send a smaller image"
    return (
        f"the form has more than {config['MAX_FORM_PARTS']} parts, or a text field of more than "
        f"{config['MAX_FORM_MEMORY_SIZE']:,} bytes; send only the photo, in the file field 'image'"
    )


def _http_error_response(error: HTTPException) -> Response:
    """Return the response to an error of Flask or Werkzeug, with its headers: a 405's Allow, a redirect's Location."""
    response = error.get_response()
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        body = error_response(response.status_code, _message(error))
        response.set_data(body.get_data())
        response.content_type = body.content_type
    return response
