"""Forms: the photo is found whatever its name, never copied, and freed with its request."""

import gc
from base64 import b64encode
from io import BytesIO

import pytest
from flask import Flask, Request

from api.bodies.form import Contents, read_form
from core.errors import InvalidRequest
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
    assert read_form(BytesIO(form), "x") == (["note", "image"], Contents(photo))


@pytest.mark.parametrize("disposition", [b'name="image"', b'name="file"; filename="blob"'])
def test_read_form_decodes_photo_in_base64(disposition: bytes) -> None:
    photo = CHELSEA.read_bytes()
    for text in (b64encode(photo), b"data:image/jpeg;base64," + b64encode(photo)):
        _, upload = read_form(BytesIO(part(disposition, text) + END), "x")
        assert upload == Contents(photo)


@pytest.mark.parametrize("cut", [0, 5, 40, -1, -6, -9])
def test_read_form_that_is_cut_off_raises(cut: int) -> None:
    form = part(b'name="image"', b"photo") + END
    with pytest.raises(InvalidRequest, match=r"is cut off after the beginning of the field image|is not in the body"):
        read_form(BytesIO(form[: cut if cut >= 0 else len(form) + cut - 2]), "x")


def test_read_form_of_long_photo_returns_it_whole() -> None:
    photo = bytes(range(256)) * 40_000 + b"\r\n--y\r\n--"
    assert read_form(BytesIO(part(b'name="image"', photo) + END), "x") == (["image"], Contents(photo))


def test_read_form_returns_values_of_parameters_and_names_of_others() -> None:
    parts = [
        part(b'name="classes"', b"cat"),
        part(b'name="type"', bytes(10**6)),
        part(b'name="classes"', "8,D\u00f6g".encode()),
    ]
    names, upload = read_form(BytesIO(b"\r\n".join([*parts, part(b'name="file"', b"\xffphoto")]) + END), "x")
    assert names == ["classes", "type", "classes", "file"]
    assert upload == Contents(b"\xffphoto", {"classes": ["cat", "8,D\u00f6g"]})


def test_read_form_without_photo_returns_names_only() -> None:
    assert read_form(BytesIO(part(b'name="size"', b"model") + END), "x") == (["size"], None)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (
            part(b'name="image"', b"photo").replace(b"--x", b"--y"),
            "the boundary 'x' of the header Content-Type is not in",
        ),
        (b"", "the boundary 'x' of the header Content-Type is not in the body"),
        (part(b'name="image"', b"photo"), "is cut off after the beginning of the field image"),
        (b"--x\r\n\r\nphoto" + END, "is damaged: Missing Content-Disposition"),
        (b"--x\nContent-Disposition: form-data; name=image\n\nphoto" + END, "is damaged: Invalid line break"),
        (part(b'name="size"', b"m" * 4001) + END, "size: it has more than 4,000 bytes"),
        (part(b'name="size"', b"\xe9") + END, "size: it is not UTF-8 text"),
        (part(b'name="image"', b"photo", b"A: " + b"a" * 5000) + END, "too many or too long parts"),
        (b"\r\n".join([part(b'name="a"', b"")] * 101) + END, "too many or too long parts"),
    ],
)
def test_read_form_with_fault_raises_error_that_names_it(form: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        read_form(BytesIO(form), "x")


def test_request_is_freed_without_a_garbage_collection(app: Flask) -> None:
    gc.collect()
    gc.disable()
    try:
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes())).close()
        app.test_client().post("/model/predict", **upload(CHELSEA.read_bytes()[:5000])).close()
        assert [found for found in gc.get_objects() if isinstance(found, Request)] == []
    finally:
        gc.enable()
