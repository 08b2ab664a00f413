"""Bad input over real HTTP: each kind gets its documented 4xx as JSON, and the next good request its answer."""

import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPResponse

import numpy as np
import pytest
import requests
from PIL import Image

from tests.conftest import CHELSEA, Service, start_service
from tests.test_bombs import gif, tiled
from tests.test_image import encode, png

JPEG = CHELSEA.read_bytes()
BOUNDARY = "multipart/form-data; boundary=x"
IMAGE_HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes at most 2 MB."""
    service = start_service(tmp_path_factory.mktemp("small") / "log", MAX_UPLOAD_MB="2")
    yield service
    assert service.stop() == 0


def post(service: Service, body: bytes, kind: str | None, path: str = "/model/predict") -> requests.Response:
    return requests.post(f"{service.url}{path}", data=body, headers={"Content-Type": kind} if kind else {}, timeout=30)


# What is sent as the file, and what must come back: the status, and a part of the message.
IMAGES: dict[str, tuple[bytes, int, str]] = {
    "zero bytes": (b"", 400, "empty"),
    "text": (b"this is not a photo", 400, "not an image"),
    "HTML": (b"<!doctype html><p>photo", 400, "not an image"),
    "zeros": (bytes(100_000), 400, "not an image"),
    "random bytes": (np.random.default_rng(1).bytes(50_000), 400, "not an image"),
    "JPEG marker only": (b"\xff\xd8\xff\xe0", 400, "damaged"),
    "PNG signature only": (b"\x89PNG\r\n\x1a\n", 400, "damaged"),
    "GIF header only": (b"GIF89a\x10\0\x10\0\0\0\0", 400, "damaged"),
    "PNG with broken data": (png(8, 8, (b"IDAT", b"not zlib")), 400, "damaged"),
    "PNG with too little data": (png(8, 8, (b"IDAT", zlib.compress(bytes(72))[:-6])), 400, "damaged"),
    "PNG of 0 x 0": (png(0, 0), 400, "damaged"),
    "PNG bomb": (png(12_000, 12_000, (b"IDAT", zlib.compress(bytes(12_001 * 12_000)))), 413, "144.0 megapixels"),
    "65,000 pixels square by its header": (png(65_000, 65_000), 413, "65000 x 65000"),
    "largest PNG header": (png(2**31 - 1, 2**31 - 1), 413, "MAX_IMAGE_MEGAPIXELS"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 415, "HEIC images are not served"),
    "PDF": (b"%PDF-1.7\n", 415, "PDF images are not served"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "SVG images are not served"),
    "ICO": (encode(Image.new("RGB", (16, 16)), "ICO"), 415, "ICO images are not served"),
    "JPEG 2000": (encode(Image.new("RGB", (16, 16)), "JPEG2000"), 415, "JPEG 2000 images are not served"),
    "PPM, which Pillow would read": (encode(Image.new("RGB", (16, 16)), "PPM"), 400, "not an image"),
    "float TIFF": (encode(Image.new("F", (4, 4)), "TIFF"), 415, "type F"),
    "GIF whose first frame is far larger": (gif(0, 0, 65_535, 65_535), 413, "65535 x 65535"),
    "TIFF of tiles measured in text": (tiled((2, 4, b"abc\0"), (4, 1, 16)), 400, "damaged"),
    "too many bytes": (JPEG + bytes(2_000_000), 413, "larger than 2 MB, the limit (MAX_UPLOAD_MB)"),
} | {f"JPEG cut at {tenth} tenths": (JPEG[: len(JPEG) * tenth // 10], 400, "damaged") for tenth in range(1, 10)}


# A whole request, and what must come back.
REQUESTS: dict[str, tuple[Callable[[Service], requests.Response], int, str]] = {
    "empty body": (lambda s: post(s, b"", None), 400, "'image' is missing"),
    "empty multipart": (lambda s: post(s, b"--x--\r\n", BOUNDARY), 400, "'image' is missing: found no field"),
    "the photo as the body": (lambda s: post(s, JPEG, "image/jpeg"), 400, "body of type image/jpeg"),
    "JSON": (lambda s: post(s, b'{"image": "x"}', "application/json"), 400, "body of type application/json"),
    "no boundary": (lambda s: post(s, b"--x\r\n", "multipart/form-data"), 400, "'image' is missing"),
    "a boundary that never comes": (lambda s: post(s, JPEG, BOUNDARY), 400, "'image' is missing"),
    "a part that never ends": (lambda s: post(s, IMAGE_HEAD + JPEG, BOUNDARY), 400, "'image' is missing"),
    "part without a name": (lambda s: post(s, b"--x\r\n\r\nhello\r\n--x--\r\n", BOUNDARY), 400, "'image' is missing"),
    "a name that is not quoted right": (
        lambda s: post(s, b'--x\r\nContent-Disposition: form-data; name="\\"\r\n\r\na\r\n--x--\r\n', BOUNDARY),
        400,
        "found the field without a name",
    ),
    "wrong field": (
        lambda s: requests.post(f"{s.url}/model/predict", files={"file": JPEG}, timeout=30),
        400,
        "found the field file",
    ),
    "text field": (
        lambda s: requests.post(f"{s.url}/model/predict", data={"image": "a.jpg"}, timeout=30),
        400,
        "found the field image",
    ),
    "2,000 parts": (
        lambda s: post(
            s, b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' for _ in range(2000)), BOUNDARY
        ),
        413,
        "",
    ),
    "a text field of 1 MB": (
        lambda s: post(
            s, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 10**6 + b"\r\n--x--\r\n", BOUNDARY
        ),
        413,
        "",
    ),
    "bad output": (
        lambda s: s.predict(JPEG, params={"output": "png"}),
        400,
        "output: 'png' is not allowed; allowed: map",
    ),
    "bad size": (lambda s: s.predict(JPEG, params={"size": "9"}), 400, "size: '9' is not allowed; allowed: model"),
    "bad class": (lambda s: s.predict(JPEG, params={"classes": "unicorn"}), 400, "classes: 'unicorn' is not a class"),
    "class out of range": (lambda s: s.predict(JPEG, params={"classes": "21"}), 400, "classes: '21' is not a class"),
    "GET": (lambda s: requests.get(f"{s.url}/model/predict", timeout=30), 405, "allowed: "),
    "PUT": (lambda s: requests.put(f"{s.url}/model/metadata", timeout=30), 405, "allowed: "),
    "invented method": (lambda s: requests.request("BREW", f"{s.url}/model/predict", timeout=30), 405, "BREW"),
    "unknown URL": (
        lambda s: requests.get(f"{s.url}/model/predicts", timeout=30),
        404,
        "/model/predicts does not exist",
    ),
    "path upwards": (lambda s: requests.get(f"{s.url}/swaggerui/..%2f..%2fapi.py", timeout=30), 404, "does not exist"),
    "very long URL": (lambda s: requests.get(f"{s.url}/{'a' * 9000}", timeout=30), 414, ""),
    "very long header": (lambda s: requests.get(s.url, headers={"A": "a" * 9000}, timeout=30), 431, ""),
    "bad chunks": (lambda s: raw(s, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400, ""),
    "bad chunks of a form": (
        lambda s: raw(s, f"Content-Type: {BOUNDARY}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()),
        400,
        "chunks",
    ),
    "a chunk that ends early": (
        lambda s: raw(s, f"Content-Type: {BOUNDARY}\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n--x".encode()),
        400,
        "",
    ),
    "a chunk without an end": (
        lambda s: raw(s, f"Content-Type: {BOUNDARY}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n--xx\r\n".encode()),
        400,
        "",
    ),
    "negative length": (lambda s: raw(s, b"Content-Length: -5\r\n\r\n"), 400, ""),
    "two lengths": (lambda s: raw(s, b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 400, ""),
    "not HTTP": (lambda s: raw(s, b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 400, ""),
}


def raw(
    service: Service, rest: bytes, start: bytes = b"POST /model/predict HTTP/1.1\r\nHost: a\r\n"
) -> requests.Response:
    """Send bytes that an HTTP client would not, and read the answer."""
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=30)) as connection:
        connection.sendall(start + rest)
        connection.shutdown(socket.SHUT_WR)
        answer = HTTPResponse(connection)
        answer.begin()
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.getheaders())
        response._content = answer.read()
    return response


def check(service: Service, answer: requests.Response, status: int, part: str) -> None:
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["Content-Type"] == "application/json"
    assert list(answer.json()) == ["message"]
    assert part in answer.json()["message"]
    assert "Traceback" not in answer.text
    good = service.predict(JPEG)
    assert good.status_code == 200
    assert good.json()["image_size"] == [513, 341]


@pytest.mark.parametrize("kind", IMAGES)
def test_bad_images(small: Service, kind: str) -> None:
    data, status, part = IMAGES[kind]
    check(small, small.predict(data), status, part)


@pytest.mark.parametrize("kind", REQUESTS)
def test_bad_requests(small: Service, kind: str) -> None:
    send, status, part = REQUESTS[kind]
    check(small, send(small), status, part)


@pytest.mark.parametrize(("size", "out"), [((1, 2000), [1, 513]), ((65_000, 1), [513, 1]), ((1, 1), [513, 513])])
def test_odd_but_good_shapes_are_served(small: Service, size: tuple[int, int], out: list[int]) -> None:
    assert small.predict(encode(Image.new("RGB", size))).json()["image_size"] == out
