"""The contract, on the application with its real model."""

import gzip
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pycocotools import mask as coco
from werkzeug.test import TestResponse

import api
from api.metrics import Metrics
from api.predict import PARAMETERS
from app import create_app
from config import Settings
from core.evaluation import read_voc
from core.labels import LABELS
from core.model import ModelWrapper
from core.types import UInt8Array
from tests.support.http_client import upload
from tests.support.paths import ASTRONAUT, CHELSEA


def predict(client: FlaskClient, query: str = "", photo: Path = CHELSEA, **options: Any) -> TestResponse:
    return client.post(f"/model/predict{query}", data={"image": (BytesIO(photo.read_bytes()), "photo")}, **options)


def test_the_map_has_exactly_the_originals_three_keys_in_order(client: FlaskClient) -> None:
    answer = predict(client)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    body = json.loads(answer.data)
    assert list(body) == ["status", "image_size", "seg_map"]
    assert body["status"] == "ok"
    assert body["image_size"] == [513, 341]
    assert len(body["seg_map"]) == 341
    assert {len(row) for row in body["seg_map"]} == {513}


def test_the_originals_web_client_is_served(client: FlaskClient) -> None:
    answer = client.post(
        "/model/predict",
        data={"image": (BytesIO(ASTRONAUT.read_bytes()), "blob"), "type": "undefined"},
        headers={"Accept": "application/json, text/plain, */*"},
    )
    assert answer.status_code == 200
    assert answer.get_json()["image_size"] == [513, 513]


def test_classes_leaves_only_what_was_asked_for(client: FlaskClient) -> None:
    whole = predict(client, photo=ASTRONAUT).get_json()["seg_map"]
    person = predict(client, "?classes=person", photo=ASTRONAUT).get_json()["seg_map"]
    assert {class_ for row in whole for class_ in row} > {0, 15}
    assert person == [[class_ if class_ == 15 else 0 for class_ in row] for row in whole]


def opened(answer: TestResponse, kind: str) -> Image.Image:
    assert (answer.status_code, answer.mimetype) == (200, f"image/{kind.lower()}")
    image = Image.open(BytesIO(answer.data), formats=[kind])
    image.load()
    return image


@pytest.mark.parametrize("size", ["model", "original"])
@pytest.mark.parametrize("photo", [ASTRONAUT, CHELSEA])
def test_all_outputs_show_the_same_map(client: FlaskClient, photo: Path, size: str, pictures: Path) -> None:
    def ask(output: str, **options: Any) -> TestResponse:
        return predict(client, f"?output={output}&size={size}", photo, **options)

    seg_map = np.array(ask("map").get_json()["seg_map"], np.uint8)
    shown = {output: opened(ask(output), "PNG") for output in ("mask", "overlay", "cutout")}
    for output, image in shown.items():
        assert image.size == seg_map.shape[::-1]
        image.save(pictures / f"{photo.stem}-{output}-{size}.png")
    with Image.open(photo) as sent:
        assert size == "model" or sent.size == seg_map.shape[::-1]
    assert shown["mask"].mode == "P"
    assert np.array_equal(np.asarray(shown["mask"]), seg_map)
    assert shown["cutout"].mode == "RGBA"
    alpha = np.asarray(shown["cutout"])[..., 3]
    assert np.mean((alpha >= 128) == (seg_map != 0)) > 0.99
    jpeg = opened(ask("overlay", headers={"Accept": "image/jpeg,image/png;q=0.5"}), "JPEG")
    assert np.abs(np.asarray(jpeg).astype(int) - np.asarray(shown["overlay"])).mean() < 5

    body = ask("objects").get_json()
    assert list(body) == ["status", "image_size", "objects"]
    assert body["image_size"] == list(seg_map.shape[::-1])
    assert [list(found) for found in body["objects"]] == [["id", "label", "pixels", "fraction", "bbox", "rle"]] * len(
        body["objects"]
    )
    check_objects(body["objects"], seg_map)


def check_objects(objects: list[dict[str, Any]], seg_map: UInt8Array) -> None:
    assert {found["id"] for found in objects} == set(np.unique(seg_map).tolist()) - {0}
    for found in objects:
        where = seg_map == found["id"]
        assert found["label"] == LABELS[found["id"]]
        assert found["pixels"] == where.sum()
        assert found["fraction"] == pytest.approx(where.mean())
        ys, xs = np.nonzero(where)
        assert found["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        assert np.array_equal(coco.decode(found["rle"]), where)


def test_objects_agree_with_the_map_on_real_photos(client: FlaskClient, voc: Path, pictures: Path) -> None:
    for number, (photo, _) in enumerate(read_voc(voc, every=4)):
        seg_map = np.array(predict(client, photo=photo).get_json()["seg_map"], np.uint8)
        check_objects(predict(client, "?output=objects", photo).get_json()["objects"], seg_map)
        if number % 10 == 0:
            for output in ("mask", "overlay", "cutout"):
                picture = opened(predict(client, f"?output={output}&size=original", photo), "PNG")
                picture.save(pictures / f"{photo.stem}-{output}.png")


def test_classes_count_for_every_output(client: FlaskClient) -> None:
    body = predict(client, "?output=objects&classes=person", ASTRONAUT).get_json()
    assert [found["label"] for found in body["objects"]] == ["person"]
    nothing = predict(client, "?output=objects&classes=boat", ASTRONAUT).get_json()
    assert nothing["objects"] == []
    mask = opened(predict(client, "?output=mask&classes=person", ASTRONAUT), "PNG")
    assert set(np.unique(np.asarray(mask)).tolist()) == {0, 15}


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("*/*", "application/json"),
        ("image/png", "image/png"),
        ("image/png, application/json;q=0.1", "application/json"),
        ("image/*", "image/png"),
        ("image/jpeg", "application/json"),
        ("text/html", "application/json"),
    ],
)
def test_a_client_that_accepts_png_alone_gets_the_mask(client: FlaskClient, accept: str, mimetype: str) -> None:
    answer = predict(client, headers={"Accept": accept})
    assert answer.mimetype == mimetype
    assert "Accept" in answer.headers["Vary"]
    assert mimetype == "application/json" or opened(answer, "PNG").mode == "P"


def test_a_phones_portrait_photo_comes_out_upright_in_its_own_size(client: FlaskClient, pictures: Path) -> None:
    """As a phone writes it: lying on its side, with the EXIF orientation that says so."""
    with Image.open(ASTRONAUT) as person:
        upright = person.resize((1200, 1600))
    exif = upright.getexif()
    exif[0x0112] = 6
    file = BytesIO()
    upright.rotate(90, expand=True).save(file, "JPEG", exif=exif, quality=95)
    masks = {}
    for output in ("mask", "overlay", "cutout"):
        query = f"/model/predict?output={output}&size=original&classes=person"
        answer = client.post(query, **upload(file.getvalue()))
        image = opened(answer, "PNG")
        assert image.size == (1200, 1600)
        image.save(pictures / f"phone-{output}.png")
        masks[output] = image
    mask = np.asarray(masks["mask"]) == 15
    assert mask[300, 550]  # her face
    assert not mask[100, 100]  # the flag
    overlay, cutout = (np.asarray(masks[output].convert("RGB")).astype(int) for output in ("overlay", "cutout"))
    photo = np.asarray(upright).astype(int)
    assert np.abs(overlay - photo)[~mask].mean() < 4
    assert np.abs(cutout - photo).mean() < 4


def test_a_large_photo_in_its_own_size_stays_within_its_memory(client: FlaskClient) -> None:
    """12 megapixels: at most 400 MB above what the process has at rest."""
    with Image.open(ASTRONAUT) as person:
        file = BytesIO()
        person.resize((3000, 4000)).save(file, "JPEG")
    for output in ("cutout", "overlay", "objects"):
        before = resident()
        highest = [before]
        done = threading.Event()

        def watch(highest: list[int] = highest, done: threading.Event = done) -> None:
            while not done.wait(0.005):
                highest.append(resident())

        watcher = threading.Thread(target=watch)
        watcher.start()
        query = f"/model/predict?output={output}&size=original"
        answer = client.post(query, **upload(file.getvalue()))
        done.set()
        watcher.join()
        assert answer.status_code == 200
        assert len(highest) > 5
        assert max(highest) - before < 400_000_000


def resident() -> int:
    """Return the bytes of memory that this process has resident."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("query", "name"), [("?output=png", "output"), ("?size=huge", "size"), ("?classes=x", "classes")]
)
def test_a_bad_parameter_is_named_with_what_is_allowed(client: FlaskClient, query: str, name: str) -> None:
    answer = predict(client, query)
    assert answer.status_code == 400
    assert re.match(f"{name}: '.*' is not .*allowed: ", answer.get_json()["message"])


def test_gzip_when_the_client_accepts_it(client: FlaskClient) -> None:
    plain = predict(client)
    zipped = predict(client, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(zipped.data) == plain.data
    assert "Content-Encoding" not in predict(client, headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_metadata_is_the_originals_and_says_what_is_served(client: FlaskClient) -> None:
    body = client.get("/model/metadata").get_json()
    assert body["id"] == "max-image-segmenter"
    assert body["name"] == "MAX Image Segmenter"
    assert body["description"] == ("DeepLab TensorFlow model for semantic image segmentation, trained on VOCO 2012")
    assert body["type"] == "Object Detection"
    assert body["license"] == "Apache v2"
    assert "max-image-segmenter" in body["source"]
    assert body["serving"] == {
        "model_type": "mobile",
        "backbone": "MobileNetV2",
        "image_size": 513,
        "canvas": "fit",
        "precision": "float32",
        "num_classes": 21,
        "graph_sha256": "b12760a3ba4d6e7a1b3fe34141667cb798338a6af159d9ad2088ca1bbff875e4",
    }


def test_labels(client: FlaskClient) -> None:
    assert client.get("/model/labels").get_json() == [{"id": id_, "name": name} for id_, name in enumerate(LABELS)]


def test_health(client: FlaskClient) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


@pytest.fixture(scope="module")
def loading_app() -> Iterator[Flask]:
    """An application that will be loading its model until the tests are done with it."""
    app = create_app(Settings())
    loading: ModelWrapper = app.extensions["model"]
    assert not loading.ready
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelWrapper, "ready", property(lambda self: self is not loading))
        yield app
    loading.loading.result(timeout=60)


def test_until_the_model_is_ready_only_liveness_is(loading_app: Flask) -> None:
    client = loading_app.test_client()
    assert client.get("/health/live").status_code == 200
    for answer in (client.get("/health/ready"), predict(client)):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "still loading" in answer.get_json()["message"]


def test_a_full_queue_is_503_with_retry_after(client: FlaskClient, app: Flask) -> None:
    executor = app.extensions["model"].executor
    with ExitStack() as places:
        for _ in range(Settings().queue_size):
            places.enter_context(executor.admit())
        answer = predict(client)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "QUEUE_SIZE" in answer.get_json()["message"]
    assert predict(client).status_code == 200


def test_a_failure_of_our_own_is_a_500_that_tells_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(ModelWrapper, "segment", fail)
    answer = predict(client)
    assert answer.status_code == 500
    assert answer.get_json() == {"message": "the service failed at this request; its log says why"}
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("path", ["/nope", "/model/nope", "/swaggerui/nope.js", "/model/predict/"])
def test_unknown_paths_are_json(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.get_json() == {"message": f"{path} does not exist; / lists what does"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("GET", "/model/predict", "POST"), ("DELETE", "/model/metadata", "GET")]
)
def test_wrong_methods_are_json_and_say_what_is_allowed(
    client: FlaskClient, method: str, path: str, allowed: str
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert allowed in answer.headers["Allow"]
    assert re.match(f"{method} is not allowed at {path}; allowed: .*{allowed}", answer.get_json()["message"])


KEY = "kéy".encode().decode("latin-1")  # as the test client wants it, to send UTF-8


@pytest.fixture(scope="module")
def guarded(app: Flask) -> FlaskClient:
    """A client of an application with a key, CORS for one origin and a small limit, on the shared model."""
    guarded = Flask("guarded", static_folder=None)
    settings = Settings(api_key="kéy", cors_enable=True, cors_origins=("https://a.example",), max_upload_mb=1)
    api.install(guarded, settings, app.extensions["model"], Metrics())
    return guarded.test_client()


def test_a_key_guards_the_model_and_nothing_else(guarded: FlaskClient) -> None:
    for headers in ({}, {"X-API-Key": "wrong"}):
        answer = guarded.get("/model/labels", headers=headers)
        assert answer.status_code == 401
        assert "X-API-Key" in answer.get_json()["message"]
        assert predict(guarded, headers=headers).status_code == 401
    assert guarded.get("/model/labels", headers={"X-API-Key": KEY}).status_code == 200
    assert guarded.get("/health/ready").status_code == 200
    assert guarded.get("/").status_code == 200


def test_cors_is_for_the_listed_origins_on_errors_too(guarded: FlaskClient, client: FlaskClient) -> None:
    for path in ("/health/live", "/nope", "/model/labels"):
        ours = guarded.get(path, headers={"Origin": "https://a.example"})
        theirs = guarded.get(path, headers={"Origin": "https://b.example"})
        assert ours.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert "Access-Control-Allow-Origin" not in theirs.headers
    assert (
        "Access-Control-Allow-Origin" not in client.get("/health/live", headers={"Origin": "https://a.example"}).headers
    )


def test_cors_preflight_needs_no_key(guarded: FlaskClient) -> None:
    answer = guarded.options(
        "/model/predict",
        headers={
            "Origin": "https://a.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "X-API-Key",
        },
    )
    assert answer.status_code == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == "X-API-Key"


def test_an_upload_over_the_limit_is_413(guarded: FlaskClient) -> None:
    answer = guarded.post(
        "/model/predict",
        data=bytes(1_000_001),
        content_type="multipart/form-data; boundary=x",
        headers={"X-API-Key": KEY},
    )
    assert answer.status_code == 413
    assert "larger than 1 MB, the limit (MAX_UPLOAD_MB)" in answer.get_json()["message"]


def test_swagger_ui_is_complete_without_a_network(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "MAX Image Segmenter" in page
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith("/swaggerui/"), link
        with client.get(link) as answer:
            assert answer.status_code == 200


def test_swagger_json_documents_every_route_parameter_and_status(client: FlaskClient) -> None:
    spec = client.get("/swagger.json").get_json()
    assert spec["info"]["title"] == "MAX Image Segmenter"
    assert set(spec["paths"]) == {
        "/model/predict",
        "/model/metadata",
        "/model/labels",
        "/health/live",
        "/health/ready",
    }
    post = spec["paths"]["/model/predict"]["post"]
    parameters = {parameter["name"]: parameter for parameter in post["parameters"]}
    assert set(parameters) == {*PARAMETERS, "image"}
    assert parameters["image"]["type"] == "file"
    assert parameters["image"]["required"]
    assert parameters["output"]["enum"] == ["map", "objects", "mask", "overlay", "cutout"]
    assert parameters["size"]["enum"] == ["model", "original"]
    assert post["produces"] == ["application/json", "image/png", "image/jpeg"]
    assert parameters["output"]["in"] == "query"
    assert post["consumes"] == ["multipart/form-data"]
    assert set(post["responses"]) == {"200", "400", "408", "413", "414", "415", "503"}
