"""The backend for Label Studio, as its own process, with the SDK's checks of predictions."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flask
import numpy as np
import pytest
import requests
from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface import LabelInterface

from integrations.client import Client
from tests.integrations.masks import API_KEY, Mask, drawn, iou, service_mask, two_people
from tests.integrations.servers import serving
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess, running_service

CAT, PERSON = 8, 15
CONFIG = """
<View>
  <Image name="photo" value="$image"/>
  <BrushLabels name="mask" toName="photo">
    <Label value="Pet" predicted_values="cat, dog"/>
    <Label value="Human" alias="PERSON"/>
    <Label value="dragon"/>
  </BrushLabels>
  <PolygonLabels name="outline" toName="photo"><Label value="person"/></PolygonLabels>
</View>"""


@pytest.fixture(scope="module")
def label_studio() -> Iterator[str]:
    """The URL of a server that serves photos as Label Studio serves uploads, to its token only."""
    app = flask.Flask(__name__)

    @app.get("/data/upload/1/<name>")
    def upload(name: str) -> flask.Response:
        if flask.request.headers.get("Authorization") != "Token legacy":
            flask.abort(401)
        if name == "two.png":
            return flask.send_file(io.BytesIO(two_people()), "image/png")
        if name == "noise.bin":
            return flask.send_file(io.BytesIO(bytes([129]) * 1000), "application/octet-stream")
        return flask.send_file({"chelsea.jpg": CHELSEA, "astronaut.jpg": ASTRONAUT}[name])

    with serving(app) as url:
        yield url


@contextmanager
def started_backend(label_studio: str, service: ServiceProcess, **more: str) -> Iterator[ServiceProcess]:
    """Start the backend between both, with `more` settings."""
    settings = {
        "LABEL_STUDIO_URL": label_studio,
        "LABEL_STUDIO_API_KEY": "legacy",
        "SEGMENTER_URL": service.url,
        "SEGMENTER_API_KEY": API_KEY,
    }
    command = (sys.executable, "-m", "integrations.label_studio")
    with running_service(command, ready_path="/health", **settings, **more) as backend:
        yield backend


@pytest.fixture(scope="module")
def backend(label_studio: str, keyed_service: ServiceProcess) -> Iterator[ServiceProcess]:
    with started_backend(label_studio, keyed_service) as backend:
        yield backend
        assert backend.stop() == 0


@pytest.fixture(scope="module")
def backend_of_pieces(label_studio: str, keyed_service: ServiceProcess) -> Iterator[ServiceProcess]:
    """The backend with PIECES=true."""
    with started_backend(label_studio, keyed_service, PIECES="true") as backend:
        yield backend


def post(backend: ServiceProcess, path: str, body: Any) -> requests.Response:
    return requests.post(f"{backend.url}{path}", json=body, timeout=TIMEOUT)


def predict(backend: ServiceProcess, *addresses: str, config: str = CONFIG) -> requests.Response:
    tasks = [{"id": number, "data": {"image": address}} for number, address in enumerate(addresses)]
    body: dict[str, Any] = {
        "tasks": tasks,
        "project": "1.1",
        "label_config": config,
        "model_version": None,
        "params": {},
    }
    return post(backend, "/predict", body)


@pytest.fixture(scope="module")
def predictions(backend: ServiceProcess) -> list[dict[str, Any]]:
    """The predictions for both sample photos."""
    response = predict(backend, "/data/upload/1/astronaut.jpg", "upload/1/chelsea.jpg")
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def brush_mask(result: dict[str, Any]) -> Mask:
    """Return the mask of a brush result, decoded by Label Studio's SDK, whose pixels have four channels."""
    shape = (result["original_height"], result["original_width"], 4)
    pixels = decode_rle(result["value"]["rle"]).reshape(shape)
    assert set(np.unique(pixels)) == {0, 255}
    found: Mask = pixels[..., 3] == 255
    return found


def test_predictions_are_valid_for_the_labeling_configuration(predictions: list[dict[str, Any]]) -> None:
    interface = LabelInterface(CONFIG)
    assert [interface.validate_prediction(prediction, return_errors=True) for prediction in predictions] == [[], []]


def test_brush_results_are_the_masks_of_the_service_under_the_labels_of_the_project(
    predictions: list[dict[str, Any]], keyed_service: ServiceProcess
) -> None:
    for prediction, photo, label, class_id in zip(
        predictions, (ASTRONAUT, CHELSEA), ("PERSON", "Pet"), (PERSON, CAT), strict=True
    ):
        [result] = [item for item in prediction["result"] if item["type"] == "brushlabels"]
        assert result["value"]["brushlabels"] == [label]
        assert (result["from_name"], result["to_name"], result["image_rotation"]) == ("mask", "photo", 0)
        assert np.array_equal(brush_mask(result), service_mask(keyed_service, photo.read_bytes(), class_id))


def test_polygon_results_cover_the_mask_of_the_service(
    predictions: list[dict[str, Any]], keyed_service: ServiceProcess
) -> None:
    results = [item for item in predictions[0]["result"] if item["type"] == "polygonlabels"]
    assert {item["value"]["polygonlabels"][0] for item in results} == {"person"}
    points = [np.array(item["value"]["points"]) for item in results]
    assert all(0 <= ring.min() <= ring.max() <= 100 for ring in points)
    found = drawn([ring / 100 * 512 for ring in points], 512, 512)
    assert iou(found, service_mask(keyed_service, ASTRONAUT.read_bytes(), PERSON)) > 0.95
    assert [item for item in predictions[1]["result"] if item["type"] == "polygonlabels"] == []


def test_brush_results_with_pieces_are_the_regions_of_the_mask(
    backend: ServiceProcess, backend_of_pieces: ServiceProcess
) -> None:
    def brushes(backend: ServiceProcess) -> list[dict[str, Any]]:
        [prediction] = predict(backend, "/data/upload/1/two.png").json()["results"]
        assert LabelInterface(CONFIG).validate_prediction(prediction, return_errors=True) == []
        return [item for item in prediction["result"] if item["type"] == "brushlabels"]

    [whole], pieces = brushes(backend), brushes(backend_of_pieces)
    assert len(pieces) >= 2
    assert len({piece["id"] for piece in pieces}) == len(pieces)
    assert {piece["value"]["brushlabels"][0] for piece in pieces} == {"PERSON"}
    assert np.array_equal(np.sum([brush_mask(piece) for piece in pieces], axis=0), brush_mask(whole))


def test_prediction_has_the_mean_score_and_the_version_of_the_model(
    predictions: list[dict[str, Any]], keyed_service: ServiceProcess
) -> None:
    for prediction in predictions:
        scores = [item["score"] for item in prediction["result"]]
        assert prediction["score"] == pytest.approx(np.mean(scores))
        assert prediction["model_version"] == Client(keyed_service.url, API_KEY).model_version()


def test_setup_returns_the_version_of_the_model(backend: ServiceProcess, keyed_service: ServiceProcess) -> None:
    response = post(backend, "/setup", {"project": "1.1", "schema": CONFIG, "extra_params": ""})
    assert response.json() == {"model_version": Client(keyed_service.url, API_KEY).model_version()}


def test_health_and_webhook_answer_as_label_studio_expects(backend: ServiceProcess) -> None:
    assert requests.get(f"{backend.url}/health", timeout=TIMEOUT).json()["status"] == "UP"
    assert post(backend, "/webhook", {"action": "ANNOTATION_CREATED"}).status_code == 201


def test_task_without_image_gets_an_empty_prediction_with_the_reason(backend: ServiceProcess) -> None:
    response = predict(backend, "http://127.0.0.1:9/private.jpg", "/data/upload/1/chelsea.jpg")
    refused, prediction = response.json()["results"]
    assert refused["result"] == []
    assert "its scheme, host and port are not allowed; add them to IMAGE_ORIGINS" in refused["error"]
    assert len(prediction["result"]) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "tasks: missing, or no list"),
        ([], "tasks: missing, or no list"),
        ({"tasks": [], "label_config": "<View"}, "the labeling configuration is no XML of Label Studio: Couldn't find"),
        ({"tasks": [7], "label_config": CONFIG}, "tasks: each must be an object with the image's address in its data"),
        ({"tasks": [{"data": {}}], "label_config": CONFIG}, "data.image: None is no address of an image"),
    ],
)
def test_predict_with_wrong_request_answers_400_and_names_the_fault(
    backend: ServiceProcess, body: Any, message: str
) -> None:
    response = post(backend, "/predict", body)
    assert response.status_code == 400
    assert message in response.json()["error"]


def test_predict_of_file_that_is_no_image_answers_400_with_the_message_of_the_service(backend: ServiceProcess) -> None:
    response = predict(backend, "/data/upload/1/noise.bin")
    assert (response.status_code, "the file is not an image" in response.json()["error"]) == (400, True)


def test_request_without_json_answers_415_as_json(backend: ServiceProcess) -> None:
    response = requests.post(f"{backend.url}/predict", data="x", timeout=TIMEOUT)
    assert (response.status_code, list(response.json())) == (415, ["error"])


def test_backend_of_service_that_does_not_run_answers_502_with_its_url(label_studio: str) -> None:
    settings = {"LABEL_STUDIO_URL": label_studio, "LABEL_STUDIO_API_KEY": "legacy", "SEGMENTER_URL": label_studio}
    command = (sys.executable, "-m", "integrations.label_studio")
    with running_service(command, ready_path="/health", **settings) as backend:
        response = predict(backend, "/data/upload/1/chelsea.jpg")
    assert response.status_code == 502
    assert "without the JSON of the service; correct its URL" in response.json()["error"]
