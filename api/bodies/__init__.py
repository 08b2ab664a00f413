"""The photo of a request and the parameters beside it, which stay in memory: the file system may be read-only."""

import codecs
import re
from collections.abc import Callable
from io import BytesIO
from shutil import copyfileobj
from typing import Any, TypeVar

from flask import Flask, request
from flask_restx import Api
from werkzeug.exceptions import UnsupportedMediaType

from api.bodies.form import FIELDS, Contents, read_form
from api.bodies.json import json_object, values_in
from api.bodies.text import DECODING, holds_file, upload_in_base64, upload_in_text
from api.parameters import check_names
from config import Settings
from core.errors import InvalidRequest
from core.output.encode import JSON
from core.parameters import BACKGROUND

MULTIPART, BINARY, URL_ENCODED = "multipart/form-data", "application/octet-stream", "application/x-www-form-urlencoded"
# Of the photo alone, of JSON and of base64: the content decides. "" is none; fetch() sends strings as text/plain.
CONTENT_DECIDES = re.compile(r"(?:image/.*|(?:application|binary)/octet-stream|text/plain|)")
JSON_TYPE = re.compile(r"(?:application|text)/(?:[^/]+\+)?json")
JSON_BEGINNING = re.compile(rb"(?:%b)?\s*\{" % codecs.BOM_UTF8)
HOW_TO_SEND = "send multipart/form-data, as with: curl -F 'image=@photo.jpg'"
HOW_TO_SET_TYPE = (
    "to send the photo alone, set its type: curl -H 'Content-Type: image/jpeg', wget --header='Content-Type: "
    "image/jpeg', PowerShell -ContentType image/jpeg"
)

T = TypeVar("T")


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
    return read_either(lambda contents: contents, _from_json)


def read_either(from_contents: Callable[[Contents], T], from_json: Callable[[dict[str, Any]], T]) -> T:
    """Return what `from_json` makes of the object in the body of the request, or `from_contents` of another body.

    Raises as read_contents().
    """
    mimetype = request.mimetype
    if mimetype == MULTIPART:
        _check_coding()
        return from_contents(_read_multipart())
    is_json = JSON_TYPE.fullmatch(mimetype)
    if not is_json and not CONTENT_DECIDES.fullmatch(mimetype):
        hint = HOW_TO_SET_TYPE if mimetype == URL_ENCODED else HOW_TO_SEND
        allowed = f"{MULTIPART}, {JSON}, text/plain, image/*, {BINARY}, or none"
        raise InvalidRequest(f"the body is of type {mimetype}; allowed: {allowed}; {hint}")
    body = read_body()
    if is_json or JSON_BEGINNING.match(body):
        with DECODING:
            document = json_object(body)
            del body
            return from_json(document)
    if not body:
        raise InvalidRequest(f"the body is empty; {HOW_TO_SEND}")
    return from_contents(Contents(upload_in_text("the body", body, HOW_TO_SEND)))


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
    contents = Contents(upload_in_base64(sent[0], document[sent[0]]))
    behind = document.get(BACKGROUND)
    if isinstance(behind, str) and holds_file(behind.strip()):
        contents.background = upload_in_base64(BACKGROUND, document.pop(BACKGROUND))
    contents.values = values_in(document)
    return contents
