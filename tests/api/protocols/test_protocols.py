"""Every route that segments: the API key, the gate, limits, metrics and the form of errors, in each protocol."""

import base64
import json

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.test import Client

from api.protocols import Route
from config import Settings
from core.model import ModelWrapper
from core.parameters import PARAMETERS
from server.gate import Gate
from tests.support.application import application, gated, occupied, route
from tests.support.asgi import DISCONNECT, body_part, exchange, scope
from tests.support.paths import CHELSEA

MODEL = "/v2/models/max-image-segmenter"
# The form of errors by the paths that segment.
SEGMENTING = {
    "/model/predict": "message",
    "/model/predict/mask": "message",
    "/hf/image-segmentation": "error",
    f"{MODEL}/infer": "error",
    f"{MODEL}/versions/1/infer": "error",
}
PRIVATE = ["/model/labels", "/model/metadata", "/v2/models", MODEL, f"{MODEL}/versions/1", f"{MODEL}/ready"]
PUBLIC = ["/v2", "/v2/health/live", "/v2/health/ready", "/openapi.json", "/swagger.json"]
KEY = "a key"
PHOTO = CHELSEA.read_bytes()


@pytest.fixture(scope="module")
def guarded(app: Flask) -> Client:
    """A client of an application with an API key."""
    return gated(application(app.extensions["model"], api_key=KEY), api_key=KEY)


@pytest.fixture(scope="module")
def loading_gate(loading_app: Flask) -> Gate:
    """The gate in front of an application whose model is still loading."""
    return Gate(loading_app, Settings())


def key_of_error(body: bytes) -> str:
    """Return the only key of the JSON of an error."""
    [(key, message)] = json.loads(body).items()
    assert isinstance(message, str)
    assert message
    return str(key)


@pytest.mark.parametrize("path", SEGMENTING)
@pytest.mark.parametrize(
    "headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}]
)
def test_post_without_right_key_returns_401(guarded: Client, path: str, headers: dict[str, str]) -> None:
    response = guarded.post(path, data=PHOTO, headers=headers)
    assert response.status_code == 401
    assert key_of_error(response.data) == SEGMENTING[path]
    assert response.headers["WWW-Authenticate"].lower().startswith("bearer")
    assert b"the header X-API-Key is missing or wrong" in response.data
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PRIVATE)
def test_get_of_private_path_needs_key(guarded: Client, path: str) -> None:
    assert guarded.get(path).status_code == 401
    for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
        response = guarded.get(path, headers=headers)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PUBLIC)
def test_get_of_public_path_needs_no_key(guarded: Client, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("path", SEGMENTING)
def test_post_with_full_queue_returns_503_before_its_body(app: Flask, path: str) -> None:
    model: ModelWrapper = app.extensions["model"]
    gate = Gate(application(model), Settings())
    with occupied(model.queue, model.queue.size):
        # The body never arrives: the only further message is the disconnect.
        connection = exchange(gate, scope(path, content_length="1000"), DISCONNECT)
    assert connection.status == 503
    assert int(connection.headers["Retry-After"]) > 0
    assert key_of_error(connection.body) == SEGMENTING[path]
    assert b"QUEUE_SIZE" in connection.body


@pytest.mark.parametrize("path", SEGMENTING)
def test_post_with_loading_model_returns_503(loading_gate: Gate, path: str) -> None:
    connection = exchange(loading_gate, scope(path, content_length="1000"), DISCONNECT)
    assert connection.status == 503
    assert int(connection.headers["Retry-After"]) > 0
    assert key_of_error(connection.body) == SEGMENTING[path]
    assert b"still loading" in connection.body


@pytest.mark.parametrize("path", ["/health/ready", "/v2/health/ready", f"{MODEL}/ready"])
def test_readiness_with_loading_model_is_503(loading_gate: Gate, path: str) -> None:
    connection = exchange(loading_gate, scope(path, "GET"), body_part(b""))
    assert connection.status == 503
    assert b"still loading" in connection.body


@pytest.mark.parametrize("path", SEGMENTING)
@pytest.mark.parametrize("chunked", [False, True])
def test_post_of_too_many_bytes_returns_413(app: Flask, path: str, chunked: bool) -> None:
    gate = Gate(application(app.extensions["model"], max_upload_mb=1), Settings(max_upload_mb=1))
    length = {"transfer_encoding": "chunked"} if chunked else {"content_length": "1000001"}
    connection = exchange(gate, scope(path, **length), body_part(bytes(1_000_001), more=True), DISCONNECT)
    assert connection.status == 413
    assert key_of_error(connection.body) == SEGMENTING[path]
    assert b"larger than 1 MB, the limit (MAX_UPLOAD_MB)" in connection.body
    assert b"base64 adds a third: it can hold 0.75 MB" in connection.body


@pytest.mark.parametrize("path", SEGMENTING)
def test_post_that_does_not_arrive_in_time_returns_408(app: Flask, path: str) -> None:
    gate = Gate(application(app.extensions["model"]), Settings(request_timeout=0.05))
    connection = exchange(gate, scope(path, content_length="1000"), body_part(bytes(10), more=True))
    assert connection.status == 408
    assert key_of_error(connection.body) == SEGMENTING[path]
    assert b"not received within REQUEST_TIMEOUT" in connection.body


@pytest.mark.parametrize("path", SEGMENTING)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "BREW"])
def test_other_method_returns_405(client: Client, path: str, method: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    if method != "HEAD":
        assert key_of_error(response.data) == SEGMENTING[path]


@pytest.mark.parametrize(
    "path", ["/v2/models/other", "/v2/models/other/infer", f"{MODEL}/versions/2", f"{MODEL}/versions/2/infer", "/hf/x"]
)
def test_unknown_model_version_or_task_returns_404(client: Client, path: str) -> None:
    for response in (client.get(path), client.post(path, data=PHOTO)):
        assert response.status_code == 404
        assert response.get_json() == {"error": f"{path} does not exist; / lists the addresses that do"}


@pytest.mark.parametrize("path", SEGMENTING)
@pytest.mark.parametrize("body", [b"", b"x", bytes(1000)])
def test_bad_photo_returns_400_and_is_counted_with_its_route(client: Client, path: str, body: bytes) -> None:
    labels = f'segmenter_requests_total{{method="POST",path="{path}",status="400"}}'

    def counted() -> float:
        page = client.get("/metrics").get_data(as_text=True)
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith(labels))

    before = counted()
    response = client.post(path, data=body)
    assert response.status_code == 400
    assert key_of_error(response.data) == SEGMENTING[path]
    assert counted() == before + 1


@pytest.mark.parametrize("path", SEGMENTING)
def test_compressed_body_returns_415(client: Client, path: str) -> None:
    response = client.post(path, data=PHOTO, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert key_of_error(response.data) == SEGMENTING[path]
    assert b"Content-Encoding: gzip is not served" in response.data


@pytest.mark.parametrize("path", SEGMENTING)
def test_route_of_segmenting_path_takes_a_body_by_post_only(app: Flask, path: str) -> None:
    assert route(app, "POST", path) == Route(path, segments=True)
    assert route(app, "OPTIONS", path) == Route(path)
    for method in ("GET", "PUT", "post", "Post"):
        with pytest.raises(MethodNotAllowed) as refused:
            route(app, method, path)
        assert "POST" in (refused.value.valid_methods or ())


@pytest.mark.parametrize(
    "path", ["", "*", "//model/predict", "/model//predict", "/model/predict/", "/hf/", "/v2x", "model/predict", "/./"]
)
@pytest.mark.parametrize("method", ["POST", "post", "GET"])
def test_route_of_another_spelling_raises_not_found(app: Flask, path: str, method: str) -> None:
    with pytest.raises(NotFound):
        route(app, method, path)


# Other spellings of a request that segments, by request line and status. Each is refused, or served like the plain one.
SPELLINGS = {
    ("POST", "/model%2Fpredict"): 503,
    ("POST", "/%6Dodel/predict"): 503,
    ("POST", "//model/predict"): 404,
    ("POST", "/%2Fmodel/predict"): 404,
    ("POST", "/model//predict"): 404,
    ("POST", "/model/./predict"): 404,
    ("POST", "/hf/../model/predict"): 404,
    ("POST", "/model/predict/"): 404,
    ("POST", "/model/predict%00"): 404,
    ("POST", "/model/predict%FF"): 404,
    ("POST", "/MODEL/predict"): 404,
    ("POST", "model/predict"): 404,
    ("post", "/model/predict"): 405,
    ("PoST", "/hf/image-segmentation"): 405,
    ("post", f"{MODEL}/infer"): 405,
    ("POST", f"/{MODEL}/infer"): 404,
    ("GET", "/model/predict"): 405,
}


@pytest.mark.parametrize(("line", "status"), SPELLINGS.items())
def test_other_spelling_is_decided_by_the_head_alone(app: Flask, line: tuple[str, str], status: int) -> None:
    model: ModelWrapper = app.extensions["model"]
    gate = Gate(application(model), Settings())
    with occupied(model.queue, model.queue.size):
        connection = exchange(gate, scope(line[1], line[0], content_length="1000"), DISCONNECT)
    assert connection.status == status


@pytest.mark.parametrize(("line", "status"), SPELLINGS.items())
def test_other_spelling_without_key_is_not_segmented(app: Flask, line: tuple[str, str], status: int) -> None:
    gate = Gate(application(app.extensions["model"], api_key=KEY), Settings(api_key=KEY))
    connection = exchange(gate, scope(line[1], line[0], content_length=str(len(PHOTO))), body_part(PHOTO))
    assert connection.status in (401, 404, 405)
    if connection.status == 401:
        assert connection.headers["Cache-Control"] == "no-store"


def test_hugging_face_instances_are_the_regions_of_classes_without_background(client: Client) -> None:
    document = {"inputs": base64.b64encode(CHELSEA.read_bytes()).decode(), "parameters": {"subtask": "instance"}}
    found = client.post("/hf/image-segmentation", json=document).get_json()
    assert found
    assert {item["label"] for item in found}.isdisjoint({"background"})
    assert all(0 < item["score"] <= 1 for item in found)


@pytest.mark.parametrize("name", PARAMETERS)
def test_open_inference_checks_each_parameter_of_predict(client: Client, name: str) -> None:
    photo = {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(PHOTO).decode()]}
    response = client.post(f"{MODEL}/infer", json={"inputs": [photo], "parameters": {name: "?"}})
    assert (response.status_code, response.get_json()["error"].partition(" ")[0]) == (400, f"{name}:")
