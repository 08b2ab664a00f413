"""A picture behind a cut-out, over HTTP: as a file of the form, and as base64 in a form and in JSON."""

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from core.types import UInt8Array
from tests.support.images import base64_of, encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess

PHOTO = ASTRONAUT.read_bytes()  # a person before a flag, 512 x 512 pixels
CUTOUT = {"output": "cutout", "classes": "person"}


def stripes() -> Image.Image:
    """Return a picture of four squares side by side; the inner two cover a square photo's left and right half."""
    picture = Image.new("RGB", (400, 200))
    for number, colour in enumerate([(9, 9, 9), (200, 30, 30), (30, 30, 200), (9, 9, 9)]):
        picture.paste(colour, (100 * number, 0, 100 * number + 100, 200))
    return picture


STRIPES = encode(stripes())


def post(service: ServiceProcess, params: dict[str, str], **body: Any) -> requests.Response:
    return requests.post(f"{service.url}/model/predict", params=params, timeout=TIMEOUT, **body)


def pixels(response: requests.Response) -> UInt8Array:
    """Return the pixels of the picture in `response`, uint8 [height, width, 3]."""
    assert response.status_code == 200, response.text
    image = Image.open(BytesIO(response.content))
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.fixture(scope="module")
def expected(service: ServiceProcess) -> UInt8Array:
    """The cut-out before the stripes, sent as a file."""
    return pixels(post(service, CUTOUT, files={"image": PHOTO, "background": ("b.png", STRIPES)}))


@pytest.mark.parametrize("size", ["model", "original"])
def test_background_covers_the_photo_behind_the_object(service: ServiceProcess, size: str) -> None:
    params = CUTOUT | {"size": size}
    result = pixels(post(service, params, files={"image": PHOTO, "background": ("b.png", STRIPES)}))
    alpha = np.asarray(Image.open(BytesIO(post(service, params, files={"image": PHOTO}).content)).convert("RGBA"))
    height, width = result.shape[:2]
    assert result.shape[:2] == alpha.shape[:2]
    behind = alpha[..., 3] == 0
    # Where colours are mixed, as the picture is enlarged.
    behind[:, width // 2 - 9 : width // 2 + 9] = behind[:, :9] = behind[:, -9:] = False
    left, right = behind.copy(), behind.copy()
    left[:, width // 2 :], right[:, : width // 2] = False, False
    assert left.sum() > 0.1 * height * width
    assert (np.abs(result[left] - np.array([200, 30, 30])) <= 1).all()
    assert (np.abs(result[right] - np.array([30, 30, 200])) <= 1).all()
    opaque = alpha[..., 3] == 255
    assert np.array_equal(result[opaque], alpha[opaque, :3])


@pytest.mark.parametrize(
    "background",
    [STRIPES, b64encode(STRIPES), b"data:image/png;base64," + b64encode(STRIPES)],
    ids=["file without name", "base64", "data URI"],
)
def test_background_in_a_form_can_be_base64(service: ServiceProcess, expected: UInt8Array, background: bytes) -> None:
    files = {"image": ("a.jpg", PHOTO), "background": (None, background)}
    assert np.array_equal(pixels(post(service, CUTOUT, files=files)), expected)


@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_background_in_json_is_base64(service: ServiceProcess, expected: UInt8Array, head: str) -> None:
    body = CUTOUT | {"image": base64_of(PHOTO), "background": head + base64_of(STRIPES)}
    assert np.array_equal(pixels(post(service, {}, json=body)), expected)


def test_background_of_another_output_is_not_decoded(service: ServiceProcess) -> None:
    response = post(service, {"output": "objects"}, files={"image": PHOTO, "background": ("b.png", b"damaged")})
    assert response.status_code == 200


def test_empty_file_of_a_browser_is_no_background(service: ServiceProcess) -> None:
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n' % part
        for part in ((b"image", b"a.jpg", PHOTO), (b"background", b"", b""))
    )
    response = post(
        service, CUTOUT, data=body + b"--x--\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert Image.open(BytesIO(response.content)).mode == "RGBA"


@pytest.mark.parametrize(
    ("params", "background", "status", "message"),
    [
        ({}, ("b.png", STRIPES[:90]), 400, "background: the image is truncated or damaged"),
        ({}, ("b.txt", b"some notes of a holiday"), 400, "background: the file is not an image"),
        ({}, ("b.png", b""), 400, "background: '' is not allowed"),
        (
            {},
            (None, b"beach"),
            400,
            "background: 'beach' is not allowed; allowed: transparent, blur,",
        ),
        ({}, (None, b"https://example.com/beach.jpg"), 400, "background: addresses are not fetched"),
        ({}, (None, b"a" * 41 + b"!" + b"a" * 4000), 400, "background: it has more than 4,000 bytes"),
        ({}, ("b.heic", b"\0\0\0\x18ftypheic" + bytes(99)), 415, "background: HEIC"),
        ({"background": "blur"}, ("b.png", STRIPES), 400, "background: it is 'blur' and a picture; send one of them"),
    ],
)
def test_background_that_is_wrong_is_named(
    service: ServiceProcess, params: dict[str, str], background: tuple[str | None, bytes], status: int, message: str
) -> None:
    response = post(service, CUTOUT | params, files={"image": ("a.jpg", PHOTO), "background": background})
    assert (response.status_code, response.json()["message"][: len(message)]) == (status, message)


def test_several_backgrounds_are_rejected(service: ServiceProcess) -> None:
    files = [("image", PHOTO), ("background", ("b.png", STRIPES)), ("background", ("c.png", STRIPES))]
    response = post(service, CUTOUT, files=files)
    assert (response.status_code, response.json()["message"]) == (
        400,
        "background: it is given several times; give one picture",
    )


def test_photo_of_another_kind_than_background_is_cropped_and_webp(service: ServiceProcess) -> None:
    response = post(
        service,
        {"output": "cutout", "crop": "true", "size": "original"},
        files={"image": CHELSEA.read_bytes(), "background": ("b.jpg", encode(stripes(), "JPEG"))},
        headers={"Accept": "image/webp"},
    )
    image = Image.open(BytesIO(response.content))
    assert (response.status_code, image.format, image.mode) == (200, "WEBP", "RGB")
    assert image.width < 451
