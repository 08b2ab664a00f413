"""GET /openapi.json: the description of /swagger.json in OpenAPI 3.0.3, which can also say which bodies are accepted.

Many generators of clients know one body per operation: `?body=` chooses it.

The Swagger UI of Flask-RESTX shows 3.0.3, but not 3.1.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Flask, Response, request
from flask_restx import Api

from api.description.predict import BACKGROUND_FILE, IMAGE
from api.description.swagger import Document, operations
from api.parameters import parsed
from core.kinds import Choice
from core.output.encode import JSON
from core.parameters import BACKGROUND

FILE = {"schema": {"type": "string", "format": "binary"}}
# The bodies of a photo by their names in `?body=`. Generators know few types of files; the service takes those of
# images, too.
BODIES = {"form": "multipart/form-data", "json": JSON, "bytes": "application/octet-stream"}
BODY = Choice(tuple(BODIES))
# The operation whose parameters are also described as a part of the body. Those of one output name each once, for
# clients that have one function with all of them.
GENERAL = "predict"
# The schemas of their bodies: the format of the photo, by name.
PHOTOS = {"PhotoForm": "binary", "Photo": "byte"}


def init(app: Flask, api: Api) -> None:
    """Add the document to `app`."""

    @app.get("/openapi.json")
    def document() -> Response:
        body = request.args.get("body")
        wanted = body and BODIES[parsed("body", body, BODY)]
        return Response(orjson.dumps(openapi(api.__schema__, wanted)), mimetype=JSON)


def openapi(swagger: Document, media: str | None = None) -> Document:
    """Return the OpenAPI document that says the same as `swagger`.

    Where a body can be of the type `media`, it is the only one.
    """
    paths: Document = {path: {} for path in swagger["paths"]}
    for path, method, operation in operations(swagger["paths"]):
        paths[path][method] = _operation(operation, media)
    schemas = swagger["definitions"] | {name: _photo(format_) for name, format_ in PHOTOS.items()}
    document = {
        "openapi": "3.0.3",
        "info": swagger["info"],
        "servers": [{"url": f"{swagger['schemes'][0]}://{swagger['host']}{swagger['basePath']}".rstrip("/")}],
        "tags": swagger["tags"],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": swagger["securityDefinitions"]},
    }
    result: Document = _with_references(document)
    return result


def _operation(operation: Document, media: str | None) -> Document:
    parameters = operation.get("parameters", [])
    produces = operation.get("produces", [JSON])
    kept = ("summary", "description", "operationId", "tags", "security")
    converted: Document = {name: operation[name] for name in kept if name in operation}
    query = [_parameter(parameter) for parameter in parameters if parameter["in"] == "query"]
    if query:
        converted["parameters"] = query
    if any(parameter["in"] in {"body", "formData"} for parameter in parameters):
        content = _bodies(operation)
        converted["requestBody"] = {
            "required": True,
            "content": {media: content[media]} if media in content else content,
        }
    converted["responses"] = {
        status: _response(response, produces if status == "200" else [JSON])
        for status, response in operation["responses"].items()
    }
    return converted


def _parameter(parameter: Document) -> Document:
    outside = ("name", "in", "description", "required")
    schema = {name: value for name, value in parameter.items() if name not in outside}
    return {name: parameter[name] for name in outside if name in parameter} | {"schema": schema}


def _bodies(operation: Document) -> Document:
    """Return the accepted bodies by media type: the form of a photo can also be JSON, and its photo come alone."""
    binary = {BODIES["bytes"]: FILE}
    for parameter in operation["parameters"]:
        if parameter["in"] == "body":
            return {JSON: {"schema": parameter["schema"]}} | binary
    if operation["operationId"] == GENERAL:
        values = {
            parameter["name"]: _parameter(parameter)["schema"]
            for parameter in operation["parameters"]
            if parameter["in"] == "query"
        }
        form, document = (_photo(format_, values) for format_ in PHOTOS.values())
    else:
        form, document = ({"$ref": f"#/components/schemas/{name}"} for name in PHOTOS)
    return {BODIES["form"]: {"schema": form}, JSON: {"schema": document}} | binary


def _photo(format_: str, values: Mapping[str, Document] | None = None) -> Document:
    """Return the schema of a body with a photo in this format, and with the parameters `values` beside it.

    The background is a picture in the same format, or a value as in the query.
    """

    def picture(row: Document) -> Document:
        return {"type": "string", "format": format_, "description": row["description"]}

    properties = {"image": picture(IMAGE), **(values or {})}
    if BACKGROUND in properties:
        properties[BACKGROUND] = {"anyOf": [properties[BACKGROUND], picture(BACKGROUND_FILE)]}
    return {"type": "object", "required": ["image"], "properties": properties}


def _response(response: Document, produces: list[str]) -> Document:
    converted: Document = {"description": response["description"]}
    if "schema" in response:
        converted["content"] = {media: {"schema": response["schema"]} if media == JSON else FILE for media in produces}
    return converted


def _with_references(value: Any) -> Any:
    """Return a copy of `value` whose references lead to where OpenAPI 3 has its schemas."""
    if isinstance(value, dict):
        return {name: _with_references(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_references(item) for item in value]
    return value.replace("#/definitions/", "#/components/schemas/") if isinstance(value, str) else value
