"""JSON in the body of a request."""

import codecs
from typing import Any

import orjson

from api.parameters import MAX_VALUE
from core.errors import InvalidRequest
from core.parameters import PARAMETERS

# A document of a few megabytes can have millions of values, which take a hundred times its memory; a request has few.
MAX_VALUES = 1000


def json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object in `content`, which may have a byte-order mark. Raises InvalidRequest if there is none."""
    count = sum(content.count(mark) for mark in (b",", b"[", b"{"))
    if count > MAX_VALUES:
        raise InvalidRequest(f"the JSON has {count:,} values; allowed: {MAX_VALUES:,}; send only the photo")
    try:
        document = orjson.loads(content.removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not valid JSON (RFC 8259): {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequest(f"the JSON is {kind(document)}; send an object")
    return document


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
