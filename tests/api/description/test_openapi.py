"""/openapi.json is valid OpenAPI 3.0, and says what /swagger.json says."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask_restx import schemas as swagger_schemas
from openapi_spec_validator import OpenAPIV30SpecValidator
from werkzeug.test import Client

from api.description.openapi import BODIES, PHOTOS
from api.description.swagger import operations
from api.protocols import is_private
from core.outputs import MIMETYPES, OUTPUTS
from core.parameters import PARAMETERS, own_parameters
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
    assert document["components"]["schemas"].keys() == {*swagger["definitions"], *PHOTOS}
    assert document["info"] == swagger["info"]


def test_openapi_document_allows_form_json_and_photo_alone(document: Document) -> None:
    post = document["paths"]["/model/predict"]["post"]
    content = post["requestBody"]["content"]
    assert list(content) == list(BODIES.values())
    for media, format_ in (("multipart/form-data", "binary"), ("application/json", "byte")):
        properties = content[media]["schema"]["properties"]
        assert set(properties) == {"image", *PARAMETERS}
        assert properties["image"]["format"] == format_
        assert properties["background"]["anyOf"][1]["format"] == format_
        assert content[media]["schema"]["required"] == ["image"]
        assert properties["output"]["enum"] == list(OUTPUTS)
    assert {parameter["name"] for parameter in post["parameters"]} == set(PARAMETERS)
    assert set(post["responses"]["200"]["content"]) == set(MIMETYPES)


@pytest.mark.parametrize("output", OUTPUTS)
def test_operation_of_one_output_has_its_media_types_and_parameters_once(document: Document, output: str) -> None:
    post = document["paths"][f"/model/predict/{output}"]["post"]
    assert post["operationId"] == f"predict_{output}"
    assert list(post["responses"]["200"]["content"]) == list(OUTPUTS[output].encoders)
    named = [parameter["name"] for parameter in post["parameters"]]
    assert named == [name for name, row in PARAMETERS.items() if name in named]
    assert {name for name, row in PARAMETERS.items() if row.of[0]} & {*named} == {*own_parameters(output)}
    for media, name in zip(("multipart/form-data", "application/json"), PHOTOS, strict=True):
        assert post["requestBody"]["content"][media]["schema"] == {"$ref": f"#/components/schemas/{name}"}
        assert list(document["components"]["schemas"][name]["properties"]) == ["image"]


def test_documents_have_no_default_that_clients_would_send(swagger: Document, document: Document) -> None:
    assert '"default":' not in json.dumps([swagger, document])
    for name, row in PARAMETERS.items():
        [parameter] = (p for p in document["paths"]["/model/predict"]["post"]["parameters"] if p["name"] == name)
        assert row.default_text in parameter["description"]


def test_every_operation_has_a_summary_a_description_and_its_own_id(document: Document) -> None:
    found = [operation for _, _, operation in operations(document["paths"])]
    assert all(operation["summary"] and operation["description"] for operation in found)
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", operation["operationId"]) for operation in found)


@pytest.mark.parametrize("body", BODIES)
def test_document_of_one_body_is_valid_and_has_no_other(client: Client, document: Document, body: str) -> None:
    asked = client.get(f"/openapi.json?body={body}").get_json()
    OpenAPIV30SpecValidator(asked).validate()
    for path, method, operation in operations(asked["paths"]):
        if method == "post":
            whole = document["paths"][path][method]["requestBody"]["content"]
            wanted = [BODIES[body]] if BODIES[body] in whole else list(whole)
            assert list(operation["requestBody"]["content"]) == wanted
    assert list(asked["paths"]["/model/predict"]["post"]["requestBody"]["content"]) == [BODIES[body]]


def test_document_of_unknown_body_is_400(client: Client) -> None:
    response = client.get("/openapi.json?body=xml")
    message = "body: 'xml' is not allowed; allowed: form, json, bytes"
    assert (response.status_code, response.get_json()) == (400, {"message": message})


@pytest.mark.parametrize(
    ("settings", "host", "url"),
    [
        ({}, "example.com:5000", "http://example.com:5000"),
        ({}, "[::1]:5000", "http://[::1]:5000"),
        ({}, "no host", "http://localhost:5000"),
        ({"public_url": "https://example.com/segmenter/"}, "10.0.0.1", "https://example.com/segmenter"),
        ({"public_url": "https://example.com"}, "10.0.0.1", "https://example.com"),
    ],
)
def test_address_of_documents_is_the_public_one_or_that_of_the_request(
    app: Flask, settings: dict[str, str], host: str, url: str
) -> None:
    client = gated(application(app.extensions["model"], **settings))
    document = client.get("/openapi.json", headers={"Host": host}).get_json()
    assert document["servers"] == [{"url": url}]
    swagger = client.get("/swagger.json", headers={"Host": host}).get_json()
    assert f"{swagger['schemes'][0]}://{swagger['host']}{swagger['basePath']}".rstrip("/") == url


def test_swagger_document_is_valid(swagger: Document) -> None:
    swagger_schemas.validate(swagger)  # raises; openapi-spec-validator does not know the files of responses


def test_every_private_operation_needs_a_key(document: Document) -> None:
    [name] = document["components"]["securitySchemes"]
    for path, _, operation in operations(document["paths"]):
        assert operation.get("security", []) == ([{name: []}] if is_private(path) else [])
        assert ("401" in operation["responses"]) == is_private(path)


def test_openapi_document_of_guarded_service_needs_no_key(app: Flask) -> None:
    assert gated(application(app.extensions["model"], api_key="a key"), api_key="a key").get("/openapi.json").data
