"""Forms: the photo is found whatever its name, never copied, and freed with its request."""

import gc
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Request
from multipart import MultipartError
from werkzeug.test import Client

from api.forms import Upload, read_form
from tests.support.http_client import upload
from tests.support.paths import CHELSEA

END = b"\r\n--x--\r\n"


def part(disposition: bytes, content: bytes, *headers: bytes) -> bytes:
    """Return a part of a form with the boundary x, without its end."""
    lines = [b"--x", b"Content-Disposition: form-data; " + disposition, *headers, b"", content]
    return b"\r\n".join(lines)


@pytest.mark.parametrize(
    "disposition",
    [
        b'name="image"; filename="a.jpg"',
        b'name="image"; filename="na\xefve.jpg"',
        b'name="image"; filename="\xff\xfe\x80"',
        b"name=\"image\"; filename*=UTF-8''caf%C3%A9.jpg",
        b"name=image; filename=a.jpg",
        b'name="image"; filename=""',
        b'name="image"',
    ],
)
def test_read_form_finds_photo_whatever_its_file_name(disposition: bytes) -> None:
    photo = CHELSEA.read_bytes()
    form = part(b'name="note"', b"text") + b"\r\n" + part(disposition, photo, b"Content-Type: image/jpeg") + END
    assert read_form(BytesIO(form), "x") == (["note", "image"], Upload(photo))


@pytest.mark.parametrize("cut", [0, 5, 40, -1, -6, -9])
def test_read_form_that_is_cut_off_raises(cut: int) -> None:
    form = part(b'name="image"', b"photo") + END
    with pytest.raises(MultipartError):
        read_form(BytesIO(form[: cut if cut >= 0 else len(form) + cut - 2]), "x")


def test_read_form_of_long_photo_returns_it_whole() -> None:
    photo = bytes(range(256)) * 40_000 + b"\r\n--y\r\n--"
    assert read_form(BytesIO(part(b'name="image"', photo) + END), "x") == (["image"], Upload(photo))


def post(client: Client, body: bytes, content_type: str) -> Any:
    return client.post("/model/predict", data=body, content_type=content_type)


def test_request_is_freed_without_a_garbage_collection(app: Flask) -> None:
    gc.collect()
    gc.disable()
    try:
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes())).close()
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()[:5000])).close()
        assert [found for found in gc.get_objects() if isinstance(found, Request)] == []
    finally:
        gc.enable()
