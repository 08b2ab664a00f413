"""Photos as text: base64 and data: URIs as programs write them, and texts that are no photo."""

from base64 import b64encode, encodebytes, urlsafe_b64encode

import pytest
from PIL import Image

from api.bodies.text import upload_in_base64, upload_in_text
from core.errors import InvalidRequest
from tests.support.images import encode, gif
from tests.support.paths import CHELSEA

# Bytes whose base64 has both letters that differ in base64url, and padding.
PHOTO = CHELSEA.read_bytes()[:1000]
URL_TEXT = urlsafe_b64encode(PHOTO).decode()


@pytest.mark.parametrize(
    "text",
    [
        URL_TEXT,
        URL_TEXT.rstrip("="),
        b64encode(PHOTO).decode().rstrip("="),
        encodebytes(PHOTO).decode().replace("\n", "\r\n"),
        f"  data:image/jpeg;base64,{URL_TEXT}\n",
        f"\tData:;base64, {b64encode(PHOTO).decode()} ",
    ],
    ids=["base64url", "base64url without padding", "without padding", "lines", "spaces around", "space behind comma"],
)
def test_photo_in_base64_of_any_spelling_returns_bytes(text: str) -> None:
    assert {*"-_="} <= {*URL_TEXT}
    assert upload_in_base64("image", text) == PHOTO
    assert upload_in_text("image", text.encode(), "") == PHOTO
    assert upload_in_text("image", text.encode(), "", is_file=True) == PHOTO


@pytest.mark.parametrize(
    "photo",
    [
        b"",
        PHOTO,
        gif(1, 1, 1, 1),
        # Each pixel is a letter, so that all of the file is text, and valid base64.
        encode(Image.new("L", (64, 64), ord("P")), "PPM"),
        b"P4 " + b"8 " * 100,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        "caf\xe9.jpg".encode("latin-1"),
    ],
)
def test_photo_in_text_of_file_returns_it(photo: bytes) -> None:
    assert upload_in_text("image", photo, "") == photo


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("undefined", "'undefined'"),
        ("null", "'null'"),
        ("[object File]", "'[object File]'"),
        ("C:\\photos\\cat.jpg", "'C:"),
        ("file:///home/a/cat.jpg", "'file:///home/a/cat.jpg'"),
        ("blob:https://example.com/1-2", "'blob:https:"),
        ("\u0444\u043e\u0442\u043e.jpg" * 100, "\u0444\u043e\u0442\u043e"),
        ("{}", "'{}'"),
    ],
)
def test_photo_in_text_of_another_text_raises_error_that_shows_it(text: str, shown: str) -> None:
    with pytest.raises(InvalidRequest, match=r"image: it is the text .*, not an image; attach it") as raised:
        upload_in_text("image", text.encode(), "attach it")
    assert shown in str(raised.value)
    assert len(str(raised.value)) < 200
    assert upload_in_text("image", text.encode(), "", is_file=True) == text.encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://example.com/cat.jpg", "image: addresses are not fetched"),
        ("data:image/png,%89PNG", "is not a data: URI with base64"),
        ("data:image/png;base64,!!!", "image: it is not valid base64"),
        ("abcd" * 100 + "!", "image: it is not valid base64"),
    ],
)
def test_photo_in_text_of_wrong_address_or_base64_raises_as_in_json(text: str, message: str) -> None:
    for value in (text, f" {text} "):
        with pytest.raises(InvalidRequest, match=message):
            upload_in_text("image", value.encode(), "")
        with pytest.raises(InvalidRequest, match=message):
            upload_in_base64("image", value)
