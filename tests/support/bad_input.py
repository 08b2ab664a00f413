"""Bad images and bad requests, with the status and the message that the service must answer."""

import random
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import requests
from PIL import Image

from tests.support.http_client import FORM_TYPE, IMAGE_HEAD, Response, form, post, send_raw
from tests.support.images import encode, gif, png, tiled
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess

JPEG = CHELSEA.read_bytes()
TEXT_HEAD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
CHUNKED = f"Content-Type: {FORM_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
Answer = requests.Response | Response


def post_body(service: ServiceProcess, body: bytes, content_type: str | None) -> requests.Response:
    """Post any body to /model/predict."""
    headers = {"Content-Type": content_type} if content_type else {}
    return requests.post(f"{service.url}/model/predict", data=body, headers=headers, timeout=TIMEOUT)


# By name: a file for the field image, the expected status, and a part of the expected message.
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
    "header of 65,000 x 65,000 pixels": (png(65_000, 65_000), 413, "4,225.0 megapixels"),
    "largest PNG header": (png(2**31 - 1, 2**31 - 1), 413, "MAX_IMAGE_MEGAPIXELS"),
    "HEIC": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 415, "HEIC images are not served"),
    "PDF": (b"%PDF-1.7\n", 415, "PDF files are not served"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "SVG images are not served"),
    "ICO": (encode(Image.new("RGB", (16, 16)), "ICO"), 415, "ICO images are not served"),
    "JPEG 2000": (encode(Image.new("RGB", (16, 16)), "JPEG2000"), 415, "JPEG 2000 images are not served"),
    "QOI": (encode(Image.new("RGB", (16, 16)), "QOI"), 415, "QOI images are not served"),
    "TGA": (encode(Image.new("RGB", (16, 16)), "TGA"), 415, "TGA images are not served"),
    "PGM of 16 bits": (encode(Image.new("I;16", (16, 16)), "PPM"), 415, "a maximum other than 255 are not served"),
    "float TIFF": (encode(Image.new("F", (4, 4)), "TIFF"), 415, "32-bit floats"),
    "GIF with a frame of 65,535 x 65,535 pixels": (gif(0, 0, 65_535, 65_535), 413, "4,294.8 megapixels"),
    "TIFF with a tile width of type text": (tiled((2, 4, b"abc\0"), (4, 1, 16)), 400, "damaged"),
    "file larger than MAX_UPLOAD_MB": (JPEG + bytes(2_000_000), 413, "larger than 2 MB, the limit (MAX_UPLOAD_MB)"),
} | {f"JPEG cut at {tenth} tenths": (JPEG[: len(JPEG) * tenth // 10], 400, "damaged") for tenth in range(1, 10)}


# By name: a function that sends a request, the expected status, and a part of the expected message.
REQUESTS: dict[str, tuple[Callable[[ServiceProcess], Answer], int, str]] = {
    "empty body": (lambda s: post_body(s, b"", None), 400, "the body is empty"),
    "empty multipart": (lambda s: post_body(s, b"--x--\r\n", FORM_TYPE), 400, "'image' is missing: found no field"),
    "text without a type": (lambda s: post_body(s, b"a.jpg", None), 400, "not an image"),
    "Content-Type without a boundary": (
        lambda s: post_body(s, b"--x\r\n", "multipart/form-data"),
        400,
        "has no boundary",
    ),
    "form without its boundary": (lambda s: post_body(s, JPEG, FORM_TYPE), 400, "'x' of the header Content-Type is"),
    "part without an end": (
        lambda s: post_body(s, IMAGE_HEAD + JPEG, FORM_TYPE),
        400,
        "cut off after the beginning of the field image",
    ),
    "part without a name": (
        lambda s: post_body(s, b"--x\r\n\r\nhello\r\n--x--\r\n", FORM_TYPE),
        400,
        "the form is damaged: Missing Content-Disposition",
    ),
    "name with a wrong quote": (
        lambda s: post_body(s, b'--x\r\nContent-Disposition: form-data; name=""\r\n\r\na\r\n--x--\r\n', FORM_TYPE),
        400,
        "'image' is missing",
    ),
    "wrong field": (
        lambda s: requests.post(f"{s.url}/model/predict", files={"photo": JPEG}, timeout=TIMEOUT),
        400,
        "found the field photo",
    ),
    "text form": (
        lambda s: requests.post(f"{s.url}/model/predict", data={"image": "a.jpg"}, timeout=TIMEOUT),
        400,
        "of type application/x-www-form-urlencoded",
    ),
    "text field": (
        lambda s: requests.post(f"{s.url}/model/predict", files={"image": (None, "a.jpg")}, timeout=TIMEOUT),
        400,
        "not an image",
    ),
    "two photos in a form": (
        lambda s: requests.post(f"{s.url}/model/predict", files={"image": JPEG, "file": JPEG}, timeout=TIMEOUT),
        400,
        "the fields 'image' and 'file' come 2 times",
    ),
    "long value in a form": (
        lambda s: s.predict(JPEG, data={"classes": "cat," * 2000}),
        400,
        "classes: it has more than 4,000 bytes",
    ),
    "value in a form that is not UTF-8": (
        lambda s: s.predict(JPEG, data={"classes": b"caf\xe9"}),
        400,
        "classes: it is not UTF-8 text",
    ),
    "misspelt field": (lambda s: s.predict(JPEG, data={"outptu": "mask"}), 400, "did you mean output?"),
    "2,000 parts": (lambda s: post_body(s, (TEXT_HEAD + b"\r\n") * 2000, FORM_TYPE), 400, "too many or too long"),
    "bad output": (
        lambda s: s.predict(JPEG, params={"output": "png"}),
        400,
        "output: 'png' is not allowed; allowed: map",
    ),
    "bad size": (lambda s: s.predict(JPEG, params={"size": "9"}), 400, "size: '9' is not allowed; allowed: model"),
    "bad class": (lambda s: s.predict(JPEG, params={"classes": "unicorn"}), 400, "classes: 'unicorn' is not a class"),
    "class out of range": (lambda s: s.predict(JPEG, params={"classes": "21"}), 400, "classes: '21' is not a class"),
    "GET": (lambda s: requests.get(f"{s.url}/model/predict", timeout=TIMEOUT), 405, "allowed: "),
    "PUT": (lambda s: requests.put(f"{s.url}/model/metadata", timeout=TIMEOUT), 405, "allowed: "),
    "invented method": (lambda s: requests.request("BREW", f"{s.url}/model/predict", timeout=TIMEOUT), 405, "BREW"),
    "unknown URL": (
        lambda s: requests.get(f"{s.url}/model/predicts", timeout=TIMEOUT),
        404,
        "/model/predicts does not exist",
    ),
    "path with ..": (
        lambda s: requests.get(f"{s.url}/swaggerui/..%2f..%2fapi.py", timeout=TIMEOUT),
        404,
        "does not exist",
    ),
    "URL of 9,000 characters": (lambda s: requests.get(f"{s.url}/{'a' * 9000}", timeout=TIMEOUT), 414, ""),
    "header of 9,000 characters": (lambda s: requests.get(s.url, headers={"A": "a" * 9000}, timeout=TIMEOUT), 431, ""),
    "bad chunks": (lambda s: send_raw(s, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400, ""),
    "bad chunks in a form": (
        lambda s: send_raw(s, CHUNKED + b"zz\r\n"),
        400,
        "chunks",
    ),
    "chunk that ends early": (
        lambda s: send_raw(s, CHUNKED + b"9\r\n--x", last=True),
        400,
        "",
    ),
    "chunk without an end": (
        lambda s: send_raw(s, CHUNKED + b"2\r\n--xx\r\n", last=True),
        400,
        "",
    ),
}


def damaged_heads(count: int) -> Iterator[bytes]:
    """Yield `count` heads of a predict request with random changes, the same ones each time."""
    request = post(form(JPEG), "/model/predict", "X-API-Key: a key", "Connection: close", "X-Request-ID: mine")
    original = request.partition(b"\r\n\r\n")[0]
    chance = random.Random(0)  # noqa: S311
    pieces = [bytes([code]) for code in range(256)] + original.split(b"\r\n") + [b"\r\n", b": ", b"Content-Length: 1"]
    for _ in range(count):
        data = original
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(data))
            data = data[:at] + chance.choice(pieces) + data[at + chance.randint(0, 3) :]
        yield data + b"\r\n\r\n"
