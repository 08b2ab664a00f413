"""Content negotiation: which representation and compression a client gets."""

import gzip

import pytest
from flask import Flask
from werkzeug.test import Client

from api.negotiation import encoder_for
from api.parameters import Parameters
from core.output.encode import encode_mask, encode_overlay, encode_overlay_jpeg
from tests.support.application import opened, predict


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
def test_encoder_for_overlay_is_jpeg_only_if_it_is_preferred(accept: str, is_jpeg: bool) -> None:
    with Flask("negotiation").test_request_context(headers={"Accept": accept}):
        expected = encode_overlay_jpeg if is_jpeg else encode_overlay
        assert encoder_for("overlay", Parameters()).func is expected  # type: ignore[attr-defined]
        assert encoder_for("mask", Parameters()).func is encode_mask  # type: ignore[attr-defined]


def test_predict_with_gzip_accepted_compresses_json(client: Client) -> None:
    plain = predict(client)
    zipped = predict(client, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(zipped.data) == plain.data
    assert "Content-Encoding" not in predict(client, headers={"Accept-Encoding": "gzip;q=0"}).headers
