"""The Swagger description, and that it agrees with the responses."""

from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from api.description import schemas
from core.outputs import MIMETYPES, OUTPUTS
from core.parameters import PARAMETERS
from tests.support.application import predict


@pytest.fixture(scope="module")
def spec(app: Flask) -> dict[str, Any]:
    """The document /swagger.json."""
    document: dict[str, Any] = app.test_client().get("/swagger.json").get_json()
    return document


def test_swagger_documents_every_route(spec: dict[str, Any]) -> None:
    assert spec["info"]["title"] == "MAX Image Segmenter"
    assert set(spec["paths"]) == {
        "/model/predict",
        *(f"/model/predict/{output}" for output in OUTPUTS),
        "/model/metadata",
        "/model/labels",
        "/health/live",
        "/health/ready",
        "/hf/image-segmentation",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models",
        "/v2/models/max-image-segmenter",
        "/v2/models/max-image-segmenter/ready",
        "/v2/models/max-image-segmenter/infer",
    }
    assert next(iter(spec["paths"])) == "/model/predict"


def test_swagger_documents_every_parameter_and_status_of_predict(spec: dict[str, Any]) -> None:
    post = spec["paths"]["/model/predict"]["post"]
    files = {parameter["name"]: parameter for parameter in post["parameters"] if parameter["in"] == "formData"}
    parameters = {parameter["name"]: parameter for parameter in post["parameters"] if parameter["in"] == "query"}
    assert set(parameters) == set(PARAMETERS)
    assert {name: (file["type"], file["required"]) for name, file in files.items()} == {
        "image": ("file", True),
        "background": ("file", False),
    }
    assert len(files) + len(parameters) == len(post["parameters"])
    for name, parameter in PARAMETERS.items():
        assert parameter.kind.schema.items() <= parameters[name].items()
    assert all(f"`{name}`: " in parameters["output"]["description"] for name in OUTPUTS)
    assert all(f"`{name}`" in post["responses"]["200"]["description"] for name in OUTPUTS)
    assert post["produces"] == list(MIMETYPES)
    assert parameters["output"]["in"] == "query"
    assert post["consumes"] == ["multipart/form-data"]
    assert set(post["responses"]) == {"200", *map(str, schemas.ERRORS)}


@pytest.mark.parametrize("output", OUTPUTS)
def test_swagger_response_of_one_output_is_a_file_or_a_schema_of_its_own(spec: dict[str, Any], output: str) -> None:
    post = spec["paths"][f"/model/predict/{output}"]["post"]
    assert post["produces"] == list(OUTPUTS[output].encoders)
    is_json = "application/json" in OUTPUTS[output].encoders
    assert (output in schemas.RESULTS) == is_json, "describe the JSON in api/description/schemas.py"
    schema = {"$ref": f"#/definitions/{schemas.RESULTS[output].name}"} if is_json else {"type": "file"}
    assert post["responses"]["200"]["schema"] == schema


def test_swagger_parameter_classes_lists_classes_of_model(app: Flask, spec: dict[str, Any]) -> None:
    parameters = spec["paths"]["/model/predict"]["post"]["parameters"]
    [classes] = [parameter for parameter in parameters if parameter["name"] == "classes"]
    assert classes["description"].endswith(f"The classes: {', '.join(app.extensions['model'].labels)}")


def test_swagger_model_serving_has_keys_of_model_serving(app: Flask) -> None:
    assert list(schemas.serving) == list(app.extensions["model"].serving)


@pytest.mark.parametrize("path", ["/model/metadata", "/model/labels", "/nope"])
def test_swagger_model_has_keys_of_response(client: Client, path: str) -> None:
    model = {"/model/metadata": schemas.metadata, "/model/labels": schemas.label, "/nope": schemas.error}[path]
    body = client.get(path).get_json()
    assert set(body[0] if isinstance(body, list) else body) == set(model)


def test_swagger_model_segmentation_has_keys_of_all_json_outputs(client: Client) -> None:
    bodies = {name: predict(client, f"?output={name}&shapes=polygons").get_json() for name in schemas.RESULTS}
    for name, body in bodies.items():
        assert set(body) == set(schemas.RESULTS[name])
    assert {key for body in bodies.values() for key in body} == set(schemas.segmentation)
    objects = bodies["objects"]
    assert set(objects["objects"][0]) == set(schemas.segmented_object)
    assert set(objects["objects"][0]["rle"]) == set(schemas.run_lengths)
