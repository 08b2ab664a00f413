"""Content negotiation: which representation and compression a client gets."""

import gzip

import pytest
from flask import Flask
from PIL import Image
from werkzeug.test import Client

from api.negotiation import accepted
from core.output.encode import JPEG, PNG, WEBP, fits
from tests.support.application import opened, predict
from tests.support.http_client import upload
from tests.support.images import encode


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
def test_predict_without_output_returns_mask_only_if_json_is_not_accepted(
    client: Client, accept: str, mimetype: str
) -> None:
    response = predict(client, headers={"Accept": accept})
    assert response.mimetype == mimetype
    assert "Accept" in response.headers["Vary"]
    assert mimetype == "application/json" or opened(response).mode == "P"


@pytest.mark.parametrize(
    ("accept", "is_jpeg"),
    [
        ("*/*", False),
        ("image/*", False),
        ("image/png", False),
        ("image/jpeg", True),
        ("image/jpeg, image/png", False),
        ("image/jpeg, image/png;q=0.9", True),
        ("image/jpeg;q=0.9, image/png", False),
    ],
)
def test_accepted_types_of_overlay_begin_with_jpeg_only_if_it_is_preferred(accept: str, is_jpeg: bool) -> None:
    with Flask("negotiation").test_request_context(headers={"Accept": accept}):
        assert accepted("overlay")[0] == (JPEG if is_jpeg else PNG)
        assert accepted("mask") == [PNG]


# Panoramas that a PNG can hold, by the output and the type that can't.
PANORAMAS = {"cutout": (WEBP, 16_384), "overlay": (JPEG, 65_501)}


@pytest.mark.parametrize("output", PANORAMAS)
@pytest.mark.parametrize("is_tall", [False, True])
def test_panorama_that_a_type_can_not_hold_is_a_png_or_refused_before_the_inference(
    client: Client, app: Flask, monkeypatch: pytest.MonkeyPatch, output: str, is_tall: bool
) -> None:
    mimetype, side = PANORAMAS[output]
    photo = encode(Image.new("RGB", (2, side) if is_tall else (side, 2), "red"))
    query = f"/model/predict?output={output}&size=original"
    both = client.post(query, **upload(photo), headers={"Accept": f"{mimetype}, image/*;q=0.5"})
    assert (both.status_code, both.mimetype) == (200, PNG)
    monkeypatch.setattr(app.extensions["model"].loading.result(), "predict", None)  # an inference would fail
    alone = client.post(query, **upload(photo), headers={"Accept": mimetype})
    assert alone.status_code == 400
    assert f"{side:,}" in alone.text
    assert f"{mimetype} can have {side - 1:,} at its long side" in alone.text
    assert "ask for image/png" in alone.text


@pytest.mark.parametrize(
    ("size", "mimetype", "expected"),
    [
        ((4000, 4000), WEBP, True),
        ((4000, 4001), WEBP, False),
        ((16_384, 1), WEBP, False),
        ((7071, 7071), JPEG, True),
        ((50_000_000, 1), PNG, True),
    ],
)
def test_fits_tells_whether_a_type_can_hold_a_picture(size: tuple[int, int], mimetype: str, expected: bool) -> None:
    assert fits(size, mimetype) is expected


def test_picture_of_the_longest_side_is_what_is_accepted(client: Client) -> None:
    photo = encode(Image.new("RGB", (16_383, 2), "red"))
    query = "/model/predict?output=cutout&size=original"
    assert client.post(query, **upload(photo), headers={"Accept": "image/webp"}).mimetype == WEBP


def test_predict_with_gzip_accepted_compresses_json(client: Client) -> None:
    plain = predict(client)
    zipped = predict(client, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(zipped.data) == plain.data
    assert "Content-Encoding" not in predict(client, headers={"Accept-Encoding": "gzip;q=0"}).headers
