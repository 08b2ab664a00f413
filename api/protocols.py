"""The protocols that the service speaks: whose paths need the API key, and how each writes its errors."""

from dataclasses import dataclass

from flask import Flask
from werkzeug.exceptions import HTTPException

# The names of our model and of its only version, in the Open Inference Protocol.
MODEL, VERSION = "max-image-segmenter", "1"


@dataclass(frozen=True, slots=True)
class Protocol:
    """Paths that begin with `prefix`, and the key of the message in the JSON of an error.

    Those that begin with one of `private` need the API key, and no cache may keep their responses.
    """

    prefix: str
    error: str = "message"
    private: tuple[str, ...] = ()


PROTOCOLS = (
    Protocol("/hf/", "error", ("/hf/",)),
    # Health and the server's name are public, as in /health.
    Protocol("/v2", "error", ("/v2/models",)),
    Protocol("", private=("/model/",)),
)


def protocol_of(path: str) -> Protocol:
    """Return the protocol of a request for `path`."""
    return next(protocol for protocol in PROTOCOLS if path.startswith(protocol.prefix))


def is_private(path: str) -> bool:
    """Return whether requests for `path` need the API key, and their responses belong to one client."""
    return path.startswith(protocol_of(path).private)


def segmenting_route(app: Flask, method: str, path: str) -> str:
    """Return the route of a request that segments an image; "" for any other request.

    The resource of such a route has an attribute `segments`.
    """
    if method != "POST" or not is_private(path):
        return ""
    try:
        rule, _ = app.url_map.bind("").match(path, method, return_rule=True)
    except HTTPException:
        return ""
    view = getattr(app.view_functions[rule.endpoint], "view_class", None)
    return str(rule.rule) if getattr(view, "segments", False) else ""
