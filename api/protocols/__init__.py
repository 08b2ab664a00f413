"""The protocols that the service speaks: whose paths need the API key, and how each writes its errors."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Rule

# The names of our model and of its only version, in the Open Inference Protocol.
MODEL, VERSION = "max-image-segmenter", "1"
# A part of Werkzeug's rules that stands for many paths: `<any('a', 'b'):name>`.
VARIABLE = re.compile(r"<(?:.*?:)?(\w+)>")


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


@dataclass(frozen=True, slots=True)
class Route:
    """The `path` of a request, "unknown" if there is none, and whether its resource segments a photo.

    `{name}` in the path stands for any of a few files. Only a resource that segments gets the body of a request. It has
    an attribute `segments`.
    """

    path: str = "unknown"
    segments: bool = False


def route_of(app: Flask, environ: Mapping[str, Any]) -> Route:
    """Return the route of a request, the same that Flask finds by its WSGI environment.

    Raises NotFound or MethodNotAllowed for any other spelling of a path or a method: Werkzeug would take `//` for `/`,
    and `post` for `POST`, which a proxy in front of the service may tell apart.
    """
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if not path.startswith("/") or "//" in path:
        raise NotFound
    adapter = app.url_map.bind_to_environ(dict(environ))
    if not method.isupper() and (allowed := adapter.allowed_methods()):
        raise MethodNotAllowed(allowed)
    rule, _ = adapter.match(return_rule=True)
    return Route(VARIABLE.sub(r"{\1}", rule.rule), method == "POST" and _segments(app, rule))


def segmenting_paths(app: Flask) -> Iterator[str]:
    """Yield the path of each route that segments a photo."""
    return (rule.rule for rule in app.url_map.iter_rules() if _segments(app, rule))


def _segments(app: Flask, rule: Rule) -> bool:
    return getattr(getattr(app.view_functions[rule.endpoint], "view_class", None), "segments", False)
