"""GET /openapi.json: the description of /swagger.json in OpenAPI 3.0.3, which can also say which bodies are accepted.

The Swagger UI of Flask-RESTX shows 3.0.3, but not 3.1.
"""

from typing import Any

import orjson
from flask import Flask, Response
from flask_restx import Api

from api.description.swagger import Document, operations
from core.output.encode import JSON

FILE = {"schema": {"type": "string", "format": "binary"}}
# By operation: the type of a body that Swagger 2.0 can't describe next to a form or to JSON.
BINARY_BODIES = {"predict": "image/*", "image_segmentation": "image/*", "infer": "application/octet-stream"}


def init(app: Flask, api: Api) -> None:
    """Add the document to `app`."""

    @app.get("/openapi.json")
    def document() -> Response:
        return Response(orjson.dumps(openapi(api.__schema__)), mimetype=JSON)


def openapi(swagger: Document) -> Document:
    """Return the OpenAPI document that says the same as `swagger`."""
    paths: Document = {path: {} for path in swagger["paths"]}
    for path, method, operation in operations(swagger["paths"]):
        paths[path][method] = _operation(operation)
    document = {
        "openapi": "3.0.3",
        "info": swagger["info"],
        # Relative to the address of the document, so that it holds below any path prefix.
        "servers": [{"url": "."}],
        "tags": swagger["tags"],
        "paths": paths,
        "components": {"schemas": swagger["definitions"], "securitySchemes": swagger["securityDefinitions"]},
    }
    result: Document = _with_references(document)
    return result


def _operation(operation: Document) -> Document:
    parameters = operation.get("parameters", [])
    produces = operation.get("produces", [JSON])
    kept = ("summary", "operationId", "tags", "security")
    converted: Document = {name: operation[name] for name in kept if name in operation}
    query = [_parameter(parameter) for parameter in parameters if parameter["in"] == "query"]
    if query:
        converted["parameters"] = query
    if any(parameter["in"] in {"body", "formData"} for parameter in parameters):
        converted["requestBody"] = {"required": True, "content": _bodies(operation)}
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
    binary = {BINARY_BODIES[operation["operationId"]]: FILE} if operation["operationId"] in BINARY_BODIES else {}
    for parameter in operation["parameters"]:
        if parameter["in"] == "body":
            return {JSON: {"schema": parameter["schema"]}} | binary
    files = [parameter for parameter in operation["parameters"] if parameter["in"] == "formData"]
    values = {
        parameter["name"]: _parameter(parameter)["schema"]
        for parameter in operation["parameters"]
        if parameter["in"] == "query"
    }

    def body(format_: str) -> Document:
        properties = dict(values)
        for file in files:
            name, schema = file["name"], {"type": "string", "format": format_, "description": file["description"]}
            # A parameter that can be a file, too.
            properties[name] = {"anyOf": [values[name], schema]} if name in values else schema
        required = [file["name"] for file in files if file["required"]]
        return {"schema": {"type": "object", "required": required, "properties": properties}}

    return {"multipart/form-data": body("binary"), JSON: body("byte")} | binary


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
