"""The photo of a request and the parameters beside it, which stay in memory: the file system may be read-only."""

from io import BytesIO
from shutil import copyfileobj
from typing import Any

from flask import Flask, request
from flask_restx import Api
from werkzeug.exceptions import UnsupportedMediaType

from api.bodies.form import FIELDS, Contents, read_form
from api.bodies.json import DECODING, json_object, upload_in_base64, values_in
from api.parameters import check_names
from config import Settings
from core.errors import InvalidRequest
from core.output.encode import JSON

MULTIPART, BINARY, URL_ENCODED = "multipart/form-data", "application/octet-stream", "application/x-www-form-urlencoded"
HOW_TO_SEND = "send multipart/form-data, as with: curl -F 'image=@photo.jpg'"


def init(app: Flask, _api: Api) -> None:
    """Limit the uploads of `app` as its settings tell."""
    settings: Settings = app.extensions["settings"]
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes


def read_body() -> bytes:
    """Return the body of the current request. Raises UnsupportedMediaType if it is compressed."""
    _check_coding()
    # request.get_data() has the body twice for a moment; here each piece is freed when it has been copied.
    body = BytesIO()
    copyfileobj(request.stream, body)
    return body.getvalue()


def _check_coding() -> None:
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() not in {"identity", ""}:
        raise UnsupportedMediaType(f"Content-Encoding: {coding[:50]} is not served; send the body without compression")


def read_contents() -> Contents:
    """Return the photo and the parameters in the body of the current request: a form, JSON, or the photo alone.

    Raises InvalidRequest if it has no photo, several ones or a fault, and UnsupportedMediaType if it is compressed.
    """
    mimetype = request.mimetype
    if mimetype == MULTIPART:
        _check_coding()
        return _read_multipart()
    if mimetype == JSON:
        with DECODING:
            return _from_json(json_object(read_body()))
    if mimetype not in {"", BINARY} and not mimetype.startswith("image/"):
        hint = "with curl, -H 'Content-Type:' sends it without a type" if mimetype == URL_ENCODED else HOW_TO_SEND
        raise InvalidRequest(
            f"the body is of type {mimetype}; allowed: {MULTIPART}, {JSON}, image/*, {BINARY}, or none; {hint}"
        )
    upload = read_body()
    if not upload:
        raise InvalidRequest(f"the body is empty; {HOW_TO_SEND}")
    return Contents(upload)


def _read_multipart() -> Contents:
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise InvalidRequest(
            "the header Content-Type has no boundary, so that the form can't be read; do not set the header yourself, "
            "so that your HTTP library sets it with the boundary"
        )
    names, contents = read_form(request.stream, boundary)
    check_names(names)
    if contents is None:
        found = f"the field {', '.join(names)}" if names else "no field"
        raise InvalidRequest(f"the field 'image' is missing: found {found[:200]}; {HOW_TO_SEND}")
    return contents


def _from_json(document: dict[str, Any]) -> Contents:
    """Return the photo and the parameters in the object of a body. Raises InvalidRequest."""
    check_names(document)
    sent = [name for name in FIELDS if document.get(name) is not None]
    if len(sent) != 1:
        raise InvalidRequest(
            f"the JSON has {len(sent)} photos; send one, as base64 or a data: URI, as the member 'image' of an object"
        )
    return Contents(upload_in_base64(sent[0], document[sent[0]]), values_in(document))
