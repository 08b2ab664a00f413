"""JSON in the body of a request, and photos in base64."""

import binascii
import re
from threading import Lock
from typing import Any

import orjson

from api.parameters import MAX_VALUE
from core.errors import InvalidRequest
from core.parameters import PARAMETERS

# A document of a few megabytes can have millions of values, which take a hundred times its memory; a request has few.
MAX_VALUES = 1000
MAX_DATA_HEAD = 1000  # characters of a data: URI in front of its data
DATA_URI = re.compile(r"data:[\w.+/-]*(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII | re.IGNORECASE)
# The text of a document and the photo in it take twice the memory of the body, which alone is counted (server.gate).
# One request at a time may do so.
DECODING = Lock()


def json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in `content`. Raises InvalidRequest if there is none."""
    count = sum(content.count(mark) for mark in (b",", b"[", b"{"))
    if count > MAX_VALUES:
        raise InvalidRequest(f"the JSON has {count:,} values; allowed: {MAX_VALUES:,}; send only the photo")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not valid JSON (RFC 8259): {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequest(f"the JSON is {kind(document)}; send an object")
    return document


def photo_in_base64(name: str, value: Any) -> bytes:
    """Return the bytes of the file that `value`, the member `name` of a JSON object, holds as base64 or as a data: URI.

    White space in the base64 is ignored, as in RFC 2045. Raises InvalidRequest if `value` is anything else.
    """
    if not isinstance(value, str):
        raise InvalidRequest(f"{name}: it is {kind(value)}; send the contents of an image file as base64 in a string")
    if re.match("https?://", value, re.IGNORECASE):
        raise InvalidRequest(f"{name}: addresses are not fetched; send the contents of the image file as base64")
    if re.match("data:", value, re.IGNORECASE):
        head = DATA_URI.match(value, 0, MAX_DATA_HEAD)
        if not head or not head[1]:
            raise InvalidRequest(f"{name}: {value[:40]!r} is not a data: URI with base64; send data:;base64,...")
        value = value[head.end() :]
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        pass
    try:
        # Lines of 76 characters, as many tools write them.
        return binascii.a2b_base64(value.encode("ascii").translate(None, b" \t\r\n"), strict_mode=True)
    except ValueError as error:
        raise InvalidRequest(f"{name}: it is not valid base64 (RFC 4648, 4): {error}") from error


def object_in(name: str, value: Any) -> dict[str, Any]:
    """Return `value`, the member `name` of a JSON object; an empty object if it is missing. Raises InvalidRequest."""
    if value is not None and not isinstance(value, dict):
        raise InvalidRequest(f"{name}: it is {kind(value)}; send an object")
    return value or {}


def values_in(document: dict[str, Any]) -> dict[str, list[str]]:
    """Return the values of the parameters of a segmentation in a JSON object, as text. Raises InvalidRequest.

    A list has several values, and null is none.
    """
    found = {}
    for name, value in document.items():
        if name in PARAMETERS and value is not None:
            items = value if isinstance(value, list) else [value]
            found[name] = [text_in(name, item) for item in items]
    return found


def text_in(name: str, value: Any) -> str:
    """Return the `value` of the parameter `name` as the text that it would be in a URL. Raises InvalidRequest."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and len(value) > MAX_VALUE:
        raise InvalidRequest(f"{name}: it has more than {MAX_VALUE:,} characters; send a value")
    if isinstance(value, str | int | float):
        return str(value)
    raise InvalidRequest(f"{name}: it is {kind(value)}; send text, a number, a boolean, or a list of them")


def kind(value: Any) -> str:
    """Return the kind of a JSON value, with its article."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null or missing"}
    return kinds.get(type(value), "a number")


def shown(value: Any) -> str:
    """Return a JSON value as a short text for a message."""
    # The text of deeply nested lists would exceed the recursion limit.
    is_nested = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, list | dict) for v in value))
    return kind(value) if is_nested else str(value)[:50]
