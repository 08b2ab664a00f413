"""/openapi.json is valid OpenAPI 3.0, and says what /swagger.json says."""

import json
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV30SpecValidator
from werkzeug.test import Client

from api.description.swagger import operations
from api.protocols import is_private
from core.outputs import MIMETYPES, OUTPUTS
from core.parameters import PARAMETERS
from tests.support.application import application, gated

Document = dict[str, Any]


@pytest.fixture(scope="module")
def swagger(client: Client) -> Document:
    """The document /swagger.json."""
    document: Document = client.get("/swagger.json").get_json()
    return document


@pytest.fixture(scope="module")
def document(client: Client) -> Document:
    """The document /openapi.json."""
    document: Document = client.get("/openapi.json").get_json()
    return document


def test_openapi_document_is_valid(document: Document) -> None:
    OpenAPIV30SpecValidator(document).validate()
    assert document["openapi"] == "3.0.3"
    assert "#/definitions/" not in json.dumps(document)


def test_openapi_document_has_operations_statuses_and_schemas_of_swagger(swagger: Document, document: Document) -> None:
    def said(paths: Document) -> list[tuple[str, str, str, list[str]]]:
        return [(path, method, op["operationId"], list(op["responses"])) for path, method, op in operations(paths)]

    assert said(document["paths"]) == said(swagger["paths"])
    assert document["components"]["schemas"].keys() == swagger["definitions"].keys()
    assert document["info"] == swagger["info"]


def test_openapi_document_allows_form_json_and_photo_alone(document: Document) -> None:
    post = document["paths"]["/model/predict"]["post"]
    content = post["requestBody"]["content"]
    assert list(content) == ["multipart/form-data", "application/json", "image/*"]
    for media, format_ in (("multipart/form-data", "binary"), ("application/json", "byte")):
        properties = content[media]["schema"]["properties"]
        assert set(properties) == {"image", *PARAMETERS}
        assert properties["image"]["format"] == format_
        assert properties["background"]["anyOf"][1]["format"] == format_
        assert content[media]["schema"]["required"] == ["image"]
        assert properties["output"]["enum"] == list(OUTPUTS)
    assert {parameter["name"] for parameter in post["parameters"]} == set(PARAMETERS)
    assert set(post["responses"]["200"]["content"]) == set(MIMETYPES)


def test_every_private_operation_needs_a_key(document: Document) -> None:
    [name] = document["components"]["securitySchemes"]
    for path, _, operation in operations(document["paths"]):
        assert operation.get("security", []) == ([{name: []}] if is_private(path) else [])
        assert ("401" in operation["responses"]) == is_private(path)


def test_openapi_document_of_guarded_service_needs_no_key(app: Flask) -> None:
    assert gated(application(app.extensions["model"], api_key="a key"), api_key="a key").get("/openapi.json").data
