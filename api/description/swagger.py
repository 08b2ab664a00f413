"""The description of the API in Swagger 2.0: what Flask-RESTX can't say about keys and classes."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from api.description.predict import BACKGROUND_FILE, PARAMETERS
from api.description.schemas import ERRORS, EXAMPLE_COLOUR, EXAMPLE_ID, EXAMPLE_LABEL, error, protocol_error
from api.protocols import is_private, protocol_of
from core.output.encode import JSON
from core.output.render import COLOURS
from core.parameters import BACKGROUND

Document = dict[str, Any]

# Flask-RESTX sorts the paths; the main endpoint is shown first, and its variants for programs last.
FIRST = "/model/predict"
KEYS = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "Needed if the service has an API_KEY. It is accepted as `Authorization: Bearer`, too",
    }
}


def described(swagger: Document, labels: tuple[str, ...], url: str) -> Document:
    """Return Flask-RESTX's description `swagger` with keys and the names of the classes.

    `url` is the address of the service, without a slash at the end.
    """
    paths = swagger["paths"]
    order = sorted(paths, key=lambda path: (path != FIRST, path.startswith(FIRST), path))
    ordered = {path: paths[path] for path in order}
    for path, method, operation in operations(ordered):
        if is_private(path):
            operation["security"] = [{name: []} for name in KEYS]
            model = error if protocol_of(path).error in error else protocol_error
            schema = {"$ref": f"#/definitions/{model.name}"}
            operation["responses"].setdefault("401", {"description": ERRORS[401], "schema": schema})
        if JSON not in operation.get("produces", [JSON]):
            operation["responses"]["200"]["schema"] = {"type": "file"}
        # Sorted by status; Flask-RESTX has them in the order of its decorators.
        operation["responses"] = dict(sorted(operation["responses"].items()))
        parameters = operation.get("parameters", []) if method == "post" else []
        # The description is kept, and described again at each request for it.
        if any(parameter["name"] == BACKGROUND for parameter in parameters) and BACKGROUND_FILE not in parameters:
            parameters.append(BACKGROUND_FILE)
        for parameter in parameters:
            if parameter["name"] == "classes":
                parameter["description"] = f"{PARAMETERS['classes']['description']}. The classes: {', '.join(labels)}"
    definitions = _with_served_class(swagger["definitions"], labels)
    server = urlsplit(url)
    address = {"schemes": [server.scheme], "host": server.netloc, "basePath": server.path or "/"}
    return swagger | address | {"definitions": definitions, "paths": ordered, "securityDefinitions": KEYS}


def _with_served_class(value: Any, labels: tuple[str, ...]) -> Any:
    """Return a copy of the schemas `value` whose examples have a class of `labels`: the last one, if not the usual."""
    if labels[EXAMPLE_ID : EXAMPLE_ID + 1] == (EXAMPLE_LABEL,):
        return value
    served = {
        EXAMPLE_ID: len(labels) - 1,
        EXAMPLE_LABEL: labels[-1],
        EXAMPLE_COLOUR: f"#{bytes(COLOURS[len(labels) - 1]).hex()}",
    }

    def replaced(example: Any) -> Any:
        if isinstance(example, list):
            return [replaced(item) for item in example]
        return served.get(example, example)

    if not isinstance(value, dict):
        return value
    return {
        name: replaced(item) if name == "example" else _with_served_class(item, labels) for name, item in value.items()
    }


def operations(paths: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield the path, method and description of each operation."""
    for path, item in paths.items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation
