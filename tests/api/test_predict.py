"""POST /model/predict, on the application with its real model."""

import json
import os
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from werkzeug.test import Client

from core.evaluation import read_voc
from core.labels import LABELS
from core.types import UInt8Array
from tests.support.application import opened, predict
from tests.support.http_client import upload
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.processes import memory_megabytes


def test_predict_returns_three_keys_of_original_service_in_order(client: Client) -> None:
    response = predict(client)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    body = json.loads(response.data)
    assert list(body) == ["status", "image_size", "seg_map"]
    assert body["status"] == "ok"
    assert body["image_size"] == [513, 341]
    assert len(body["seg_map"]) == 341
    assert {len(row) for row in body["seg_map"]} == {513}


def test_predict_by_web_client_of_original_service_returns_map(client: Client) -> None:
    response = client.post(
        "/model/predict",
        data={"image": (BytesIO(ASTRONAUT.read_bytes()), "blob"), "type": "undefined"},
        headers={"Accept": "application/json, text/plain, */*"},
    )
    assert response.status_code == 200
    assert response.get_json()["image_size"] == [513, 513]


def test_predict_with_classes_turns_other_classes_into_background(client: Client) -> None:
    whole = predict(client, photo=ASTRONAUT).get_json()["seg_map"]
    person = predict(client, "?classes=person", ASTRONAUT).get_json()["seg_map"]
    assert {class_ for row in whole for class_ in row} > {0, 15}
    assert person == [[class_ if class_ == 15 else 0 for class_ in row] for row in whole]


@pytest.mark.parametrize("size", ["model", "original"])
@pytest.mark.parametrize("photo", [ASTRONAUT, CHELSEA], ids=["astronaut", "chelsea"])
def test_predict_outputs_of_one_photo_show_the_same_labels(
    client: Client, photo: Path, size: str, pictures: Path
) -> None:
    def query(output: str) -> str:
        return f"?output={output}&size={size}"

    seg_map = np.array(predict(client, query("map"), photo).get_json()["seg_map"], np.uint8)
    shown = {output: opened(predict(client, query(output), photo)) for output in ("mask", "overlay", "cutout")}
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
    jpeg = opened(predict(client, query("overlay"), photo, headers={"Accept": "image/jpeg,image/png;q=0.5"}), "JPEG")
    assert np.abs(np.asarray(jpeg).astype(int) - np.asarray(shown["overlay"])).mean() < 5

    body = predict(client, query("objects"), photo).get_json()
    assert list(body) == ["status", "image_size", "objects"]
    assert body["image_size"] == list(seg_map.shape[::-1])
    check_objects(body["objects"], seg_map)


def check_objects(objects: list[dict[str, Any]], seg_map: UInt8Array) -> None:
    """Check that `objects` are the classes of `seg_map`, with the right keys and values."""
    assert {found["id"] for found in objects} == set(np.unique(seg_map).tolist()) - {0}
    for found in objects:
        assert list(found) == ["id", "label", "pixels", "fraction", "bbox", "rle"]
        where = seg_map == found["id"]
        assert found["label"] == LABELS[found["id"]]
        assert found["pixels"] == where.sum()
        assert found["fraction"] == pytest.approx(where.mean())
        ys, xs = np.nonzero(where)
        assert found["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        assert np.array_equal(coco.decode(found["rle"]), where)


@pytest.mark.slow
def test_predict_objects_of_voc_photos_agree_with_their_maps(client: Client, voc: Path, pictures: Path) -> None:
    for number, (photo, _) in enumerate(read_voc(voc, every=4)):
        seg_map = np.array(predict(client, photo=photo).get_json()["seg_map"], np.uint8)
        check_objects(predict(client, "?output=objects", photo).get_json()["objects"], seg_map)
        if number % 10 == 0:
            for output in ("mask", "overlay", "cutout"):
                picture = opened(predict(client, f"?output={output}&size=original", photo))
                picture.save(pictures / f"{photo.stem}-{output}.png")


def test_predict_with_classes_restricts_objects_and_mask(client: Client) -> None:
    body = predict(client, "?output=objects&classes=person", ASTRONAUT).get_json()
    assert [found["label"] for found in body["objects"]] == ["person"]
    nothing = predict(client, "?output=objects&classes=boat", ASTRONAUT).get_json()
    assert nothing["objects"] == []
    mask = opened(predict(client, "?output=mask&classes=person", ASTRONAUT))
    assert set(np.unique(np.asarray(mask)).tolist()) == {0, 15}


def test_predict_of_photo_with_exif_orientation_returns_upright_results(client: Client, pictures: Path) -> None:
    with Image.open(ASTRONAUT) as person:
        upright = person.resize((1200, 1600))
    exif = upright.getexif()
    exif[0x0112] = 6  # as a phone writes it: the viewer must rotate by 90 degrees clockwise
    photo = encode(upright.rotate(90, expand=True), "JPEG", exif=exif, quality=95)
    results = {}
    for output in ("mask", "overlay", "cutout"):
        query = f"/model/predict?output={output}&size=original&classes=person"
        results[output] = opened(client.post(query, **upload(photo)))
        assert results[output].size == (1200, 1600)
        results[output].save(pictures / f"phone-{output}.png")
    mask = np.asarray(results["mask"]) == 15
    assert mask[300, 550]  # her face
    assert not mask[100, 100]  # the flag
    overlay, cutout = (np.asarray(results[output].convert("RGB")).astype(int) for output in ("overlay", "cutout"))
    sent = np.asarray(upright).astype(int)
    assert np.abs(overlay - sent)[~mask].mean() < 4
    assert np.abs(cutout - sent).mean() < 4


@pytest.mark.parametrize("output", ["cutout", "overlay", "objects"])
def test_predict_of_12_megapixels_in_original_size_takes_at_most_400_mb(client: Client, output: str) -> None:
    with Image.open(ASTRONAUT) as person:
        photo = encode(person.resize((3000, 4000)), "JPEG")
    # Makes the peak of the resident memory, VmHWM, begin at its present value; see proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_megabytes(os.getpid(), "VmHWM")
    assert client.post(f"/model/predict?output={output}&size=original", **upload(photo)).status_code == 200
    assert memory_megabytes(os.getpid(), "VmHWM") - before < 400


@pytest.mark.parametrize(
    ("query", "name"), [("?output=png", "output"), ("?size=huge", "size"), ("?classes=x", "classes")]
)
def test_predict_with_bad_parameter_returns_400_with_allowed_values(client: Client, query: str, name: str) -> None:
    response = predict(client, query)
    assert response.status_code == 400
    assert re.match(f"{name}: '.*' is not .*allowed: ", response.get_json()["message"])


def test_predict_with_two_files_returns_400(client: Client) -> None:
    files = [(BytesIO(CHELSEA.read_bytes()), name) for name in ("a.jpg", "b.jpg")]
    response = client.post("/model/predict", data={"image": files})
    assert response.status_code == 400
    assert response.get_json() == {"message": "the field 'image' comes 2 times; send one photo per request"}
