"""How errors become answers: JSON with one `message` and the right status, on every path."""

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

from core.errors import (
    ClientGone,
    ImageTooLarge,
    InvalidImage,
    InvalidRequest,
    SegmenterError,
    Unavailable,
    UnsupportedImage,
)

# nginx's, for its log: nobody receives this answer.
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
    """flask-restx's Api, whose handling of errors differs by path and kind, with one rule for all of them."""

    def error_router(self, _original_handler: Any, error: Exception) -> Response:
        """Answer `error`, wherever it was raised."""
        if isinstance(error, ClientDisconnected) and isinstance(error.__context__, TimeoutError):
            error = RequestTimeout()
        if isinstance(error, ParseException):
            error = BadRequest("the request's body is not in the chunks that its Transfer-Encoding says; send it anew")
        if isinstance(error, HTTPException):
            return _answer_http(error)
        for kind, status in STATUS.items():
            if isinstance(error, kind):
                response = answer(status, str(error))
                if isinstance(error, Unavailable):
                    response.headers["Retry-After"] = str(error.retry_after)
                return response
        current_app.logger.error("unexpected error", exc_info=error)
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed at this request; its log says why")


def answer(status: int, message: str) -> Response:
    """Return an error's answer."""
    response = jsonify(message=message)
    response.status_code = status
    return response


def _message(error: HTTPException) -> str:
    match error:
        case NotFound():
            return f"{request.path} does not exist; / lists what does"
        case MethodNotAllowed():
            return f"{request.method} is not allowed at {request.path}; allowed: {', '.join(error.valid_methods or ())}"
        case RequestTimeout():
            return "the request did not come whole within REQUEST_TIMEOUT; send a smaller image, or over a faster line"
        case ClientDisconnected():
            return "the request's body ended early; send as many bytes as its Content-Length says"
        case RequestEntityTooLarge():
            return _too_large(current_app.config)
    return error.description or error.name


def _too_large(config: Mapping[str, Any]) -> str:
    if (request.content_length or 0) > config["MAX_CONTENT_LENGTH"]:
        megabytes = config["MAX_CONTENT_LENGTH"] / 1e6
        return f"the upload is larger than {megabytes:g} MB, the limit (MAX_UPLOAD_MB); send a smaller image"
    return (
        f"the form has more than {config['MAX_FORM_PARTS']} parts, or a text field of more than "
        f"{config['MAX_FORM_MEMORY_SIZE']:,} bytes; send the photo in the file field 'image' alone"
    )


def _answer_http(error: HTTPException) -> Response:
    """Answer an error of Flask's or Werkzeug's own, keeping its headers: a 405's Allow, a redirect's Location."""
    response = error.get_response()
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        body = answer(response.status_code, _message(error))
        response.set_data(body.get_data())
        response.content_type = body.content_type
    return response
