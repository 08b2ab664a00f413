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
from core.outputs import OUTPUTS
from core.types import UInt8Array
from tests.support.application import opened, predict
from tests.support.http_client import upload
from tests.support.images import base64_of, encode
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


@pytest.mark.parametrize("output", OUTPUTS)
def test_operation_of_one_output_returns_what_the_parameter_output_does(client: Client, output: str) -> None:
    for accept in ("*/*", *OUTPUTS[output].encoders):
        options: Any = {"headers": {"Accept": accept}, **upload(CHELSEA.read_bytes())}
        one = client.post(f"/model/predict/{output}?classes=cat", **options)
        general = client.post(f"/model/predict?classes=cat&output={output}", **options)
        assert (one.status_code, one.mimetype, one.data) == (200, general.mimetype, general.data)
        assert one.vary == general.vary


@pytest.mark.parametrize("accept", ["application/json", "text/html", "image/webp"])
def test_operation_of_one_output_returns_it_for_any_accept(client: Client, accept: str) -> None:
    options = upload(CHELSEA.read_bytes())
    assert client.post("/model/predict/mask", headers={"Accept": accept}, **options).mimetype == "image/png"


@pytest.mark.parametrize(("query", "field", "place"), [("?output=map", "", "query"), ("", "map", "body")])
def test_output_in_path_and_another_one_in_query_or_body_returns_400(
    client: Client, query: str, field: str, place: str
) -> None:
    photo = base64_of(CHELSEA.read_bytes())
    response = client.post(f"/model/predict/mask{query}", json={"image": photo} | ({"output": field} if field else {}))
    message = f"output: it is 'mask' in the path and 'map' in the {place}; send it once"
    assert (response.status_code, response.get_json()) == (400, {"message": message})


def test_output_in_path_and_the_same_one_in_query_and_body_counts_once(client: Client) -> None:
    document = {"image": base64_of(CHELSEA.read_bytes()), "output": "mask"}
    assert client.post("/model/predict/mask?output=mask", json=document).mimetype == "image/png"


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
        assert list(found) == ["id", "label", "score", "pixels", "fraction", "bbox", "rle"]
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


@pytest.mark.parametrize("size", ["model", "original"])
def test_predict_with_second_look_finds_a_small_object_with_the_same_size_of_result(
    client: Client, tmp_path: Path, size: str
) -> None:
    with Image.open(ASTRONAUT) as person:
        picture = Image.new("RGB", (2052, 1368), "white")
        picture.paste(person.resize((180, 180)), (1500, 900))
    photo = tmp_path / "small.jpg"
    photo.write_bytes(encode(picture, "JPEG", quality=95))
    once, twice = (
        predict(client, f"?output=map&classes=person&size={size}&look={look}", photo).get_json()
        for look in ("once", "twice")
    )
    assert once["image_size"] == twice["image_size"] == ([513, 342] if size == "model" else [2052, 1368])
    rows, columns = np.nonzero(np.array(twice["seg_map"], np.uint8) == LABELS.index("person"))
    scale = 4 if size == "model" else 1
    assert len(rows) > 0.2 * (180 / scale) ** 2
    assert 1490 <= scale * columns.min() < scale * columns.max() <= 1690
    assert 890 <= scale * rows.min() < scale * rows.max() <= 1090
    assert once["seg_map"] != twice["seg_map"]


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
    opaque = np.asarray(results["cutout"])[..., 3] == 255
    assert np.abs(cutout - sent)[opaque].mean() < 4


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


def labels_of(client: Client, query: str) -> UInt8Array:
    """Return the pixels of the mask of the photo of a cat."""
    return np.asarray(opened(predict(client, f"?output=mask{query}")))


def test_predict_edges_default_to_model_at_model_size_and_to_photo_at_original_size(client: Client) -> None:
    assert np.array_equal(labels_of(client, ""), labels_of(client, "&edges=model"))
    assert not np.array_equal(labels_of(client, ""), labels_of(client, "&edges=photo"))
    original = labels_of(client, "&size=original")
    assert np.array_equal(original, labels_of(client, "&size=original&edges=photo"))
    model = labels_of(client, "&size=original&edges=model")
    assert 0 < (original != model).mean() < 0.1


def test_predict_objects_have_scores_and_min_score_removes_weaker_classes(client: Client) -> None:
    found = predict(client, "?output=objects", ASTRONAUT).get_json()["objects"]
    scores = {one["label"]: one["score"] for one in found}
    assert scores["person"] > 0.9
    weakest = min(scores, key=lambda label: scores[label])
    assert scores[weakest] < scores["person"]
    limit = (scores[weakest] + min(score for label, score in scores.items() if label != weakest)) / 2
    kept = predict(client, f"?output=objects&min_score={limit}", ASTRONAUT).get_json()["objects"]
    assert {one["label"] for one in kept} == set(scores) - {weakest}
    assert predict(client, "?output=objects&min_score=1", ASTRONAUT).get_json()["objects"] == []


def test_predict_confidence_is_high_inside_the_cat(client: Client) -> None:
    picture = opened(predict(client, "?output=confidence&size=original"))
    assert (picture.mode, picture.size) == ("L", (451, 300))
    assert np.asarray(picture)[150, 200] > 240


def test_predict_polygons_of_cat_cover_its_pixels(client: Client) -> None:
    [cat] = [
        one
        for one in predict(client, "?output=objects&shapes=polygons&tolerance=2").get_json()["objects"]
        if one["label"] == "cat"
    ]
    area = sum(ring_area(rings[0]) - sum(map(ring_area, rings[1:])) for rings in cat["polygons"])
    assert area == pytest.approx(cat["pixels"], rel=0.02)
    assert "polygons" not in predict(client, "?output=objects").get_json()["objects"][0]


def ring_area(ring: list[list[float]]) -> float:
    """Return the area of a closed ring by the shoelace formula."""
    x, y = np.array(ring).T
    return abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2


@pytest.mark.parametrize(
    ("query", "mode", "size"),
    [
        ("", "RGBA", (451, 300)),
        ("&alpha=hard", "RGBA", (451, 300)),
        ("&background=blur", "RGB", (451, 300)),
        ("&background=white&crop=true", "RGB", None),
        ("&background=%23336699", "RGB", (451, 300)),
    ],
)
def test_predict_cutout_with_options(client: Client, query: str, mode: str, size: tuple[int, int] | None) -> None:
    picture = opened(predict(client, f"?output=cutout&size=original&classes=cat{query}"))
    assert picture.mode == mode
    if size:
        assert picture.size == size
    else:
        assert picture.width < 451
    if "hard" in query:
        assert set(np.unique(np.asarray(picture)[..., 3])) == {0, 255}
    if "336699" in query:
        assert (np.asarray(picture) == (0x33, 0x66, 0x99)).all(axis=2).mean() > 0.05


def test_predict_cutout_for_client_that_prefers_webp_is_webp(client: Client) -> None:
    response = client.post(
        "/model/predict?output=cutout", headers={"Accept": "image/webp,image/png;q=0.5"}, **upload(CHELSEA.read_bytes())
    )
    assert response.mimetype == "image/webp"
    assert Image.open(BytesIO(response.data)).mode == "RGBA"


def test_predict_with_pieces_returns_the_connected_regions_of_each_class(client: Client) -> None:
    query = "?output=objects&size=original&edges=model&classes=cat"
    [cat] = predict(client, query).get_json()["objects"]
    pieces = predict(client, f"{query}&pieces=true").get_json()["objects"]
    assert sum(piece["pixels"] for piece in pieces) == cat["pixels"]
    assert {piece["label"] for piece in pieces} == {"cat"}
    assert len(predict(client, f"{query.replace('objects', 'coco')}&pieces=true").get_json()["annotations"]) == len(
        pieces
    )


@pytest.mark.parametrize("output", ["map", "mask", "objects", "coco", "svg", "overlay", "cutout"])
def test_predict_with_min_area_above_all_objects_has_none(client: Client, output: str) -> None:
    response = predict(client, f"?output={output}&min_area=0.99")
    assert response.status_code == 200
    match output:
        case "map":
            assert not np.any(response.get_json()["seg_map"])
        case "objects" | "coco":
            content = response.get_json()
            assert content.get("objects", content.get("annotations")) == []
        case "svg":
            assert b"<path" not in response.data
        case "mask":
            assert not np.asarray(opened(response)).any()
        case "cutout":
            assert not np.asarray(opened(response))[..., 3].any()


def test_predict_svg_is_an_image_with_the_name_of_the_class(client: Client) -> None:
    response = predict(client, "?output=svg&size=original")
    assert response.mimetype == "image/svg+xml"
    assert b'width="451" height="300"' in response.data
    assert b"<title>cat</title>" in response.data


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("edges=soft", "edges: 'soft' is not allowed; allowed: model, photo"),
        ("min_score=2", "min_score: '2' is not allowed; allowed: a number from 0 to 1"),
        ("min_score=nan", "min_score: 'nan' is not allowed; allowed: a number from 0 to 1"),
        ("alpha=0.5", "alpha: '0.5' is not allowed; allowed: soft, hard"),
        (
            "background=red",
            "background: 'red' is not allowed; allowed: transparent, blur, white, #rrggbb, or a picture as a file",
        ),
        ("min_area=1.5", "min_area: '1.5' is not allowed; allowed: a number from 0 to 1"),
        ("pieces=maybe", "pieces: 'maybe' is not allowed; allowed: true, false"),
        ("blur=0.5", "blur: '0.5' is not allowed; allowed: a number from 0 to 0.1"),
        ("crop=maybe", "crop: 'maybe' is not allowed; allowed: true, false"),
        ("shapes=svg", "shapes: 'svg' is not allowed; allowed: rle, polygons"),
        ("shapes=polygons&tolerance=-1", "tolerance: '-1' is not allowed; allowed: a number from 0 to 100"),
    ],
)
def test_predict_with_wrong_option_returns_400_with_what_is_allowed(client: Client, query: str, message: str) -> None:
    response = predict(client, f"?{query}")
    assert (response.status_code, response.get_json()) == (400, {"message": message})
