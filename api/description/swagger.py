"""The description of the API in Swagger 2.0: what Flask-RESTX can't say about keys, errors and classes."""

from collections.abc import Iterator
from typing import Any

from api.description.schemas import ERRORS, PARAMETERS, error, protocol_error
from api.protocols import is_private, protocol_of
from core.output.encode import JSON

Document = dict[str, Any]

# Flask-RESTX sorts the paths; the main endpoint is shown first.
FIRST = "/model/predict"
KEYS = {
    "key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "Needed if the service has an API_KEY. It is accepted as `Authorization: Bearer`, too",
    }
}


def described(swagger: Document, labels: tuple[str, ...]) -> Document:
    """Return Flask-RESTX's description `swagger` with keys, examples of errors, and the names of the classes."""
    paths = swagger["paths"]
    ordered = {path: paths[path] for path in sorted(paths, key=lambda path: (path != FIRST, path))}
    for path, method, operation in operations(ordered):
        if is_private(path):
            operation["security"] = [{name: []} for name in KEYS]
            model = error if protocol_of(path).error in error else protocol_error
            schema = {"$ref": f"#/definitions/{model.name}"}
            operation["responses"].setdefault("401", {"description": ERRORS[401][0], "schema": schema})
        for status, response in operation["responses"].items():
            if int(status) in ERRORS:
                response["examples"] = {JSON: {protocol_of(path).error: ERRORS[int(status)][1]}}
        # Sorted by status; Flask-RESTX has them in the order of its decorators.
        operation["responses"] = dict(sorted(operation["responses"].items()))
        for parameter in operation.get("parameters", ()) if method == "post" else ():
            if parameter["name"] == "classes":
                parameter["description"] = f"{PARAMETERS['classes']['description']} The classes: {', '.join(labels)}"
    return swagger | {"paths": ordered, "securityDefinitions": KEYS}


def operations(paths: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield the path, method and description of each operation."""
    for path, item in paths.items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation
