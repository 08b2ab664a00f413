"""Refuses a photo that can't be segmented now before anything else is done about it.

Flask would say the same (see predict.py), at three times the CPU: what a crowd is refused with is taken from those who
are let in.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.wsgi import get_content_length, get_input_stream

from api import logs, memory, security
from api.metrics import Metrics
from core.errors import Unavailable
from core.model import ModelWrapper

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

PATH = "/model/predict"


class Refusal:
    """WSGI middleware in front of `app`, which answers all but the refusals of photos, and those of a page's."""

    def __init__(self, app: Flask, key: str, model: ModelWrapper, metrics: Metrics) -> None:
        self._app = app.wsgi_app
        self._key = key
        self._model = model
        self._metrics = metrics
        self._max_length: int = app.config["MAX_CONTENT_LENGTH"]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if self._is_photo(environ):
            try:
                self._model.check()
            except Unavailable as error:
                return self._refuse(error, environ, start_response)
        return self._app(environ, start_response)

    def _is_photo(self, environ: "WSGIEnvironment") -> bool:
        return (
            environ["PATH_INFO"] == PATH
            and environ["REQUEST_METHOD"] == "POST"
            # What another page may read is flask-cors' to say; what is said without the key, Flask's.
            and "HTTP_ORIGIN" not in environ
            and (not self._key or security.is_key(environ.get("HTTP_X_API_KEY", ""), self._key))
        )

    def _refuse(
        self, error: Unavailable, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began = monotonic()
        if (get_content_length(environ) or 0) <= self._max_length:
            memory.discard(get_input_stream(environ))
        body = json.dumps({"message": str(error)}, separators=(",", ":")).encode() + b"\n"
        headers: dict[str, Any] = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Retry-After": str(error.retry_after),
            **security.headers(PATH),
            logs.HEADER: logs.request_id(environ.get("HTTP_X_REQUEST_ID", "")),
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE
        self._metrics.count_request("POST", PATH, status, monotonic() - began)
        start_response(f"{status.value} {status.phrase}", list(headers.items()))
        return [body]
