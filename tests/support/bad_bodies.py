"""Bodies that a path must reject, with the status and a part of the message, and damaged bodies of good requests."""

import json
import random
import struct
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from PIL import Image

from tests.support.http_client import FORM_TYPE, form
from tests.support.images import base64_of, encode

PREDICT, HUGGING_FACE, INFER = (
    "/model/predict",
    "/hf/image-segmentation",
    "/v2/models/max-image-segmenter/infer",
)
# The key of the message in the JSON of an error.
ERROR_KEYS = {PREDICT: "message", HUGGING_FACE: "error", INFER: "error"}
JSON, LENGTH = "application/json", "Inference-Header-Content-Length"
PHOTO = encode(Image.new("RGB", (8, 8)))
TEXT = base64_of(PHOTO)
# The photo as an element of a BYTES tensor.
ELEMENT = struct.pack("<I", len(PHOTO)) + PHOTO
SIZE = len(ELEMENT)
# Headers and body of a request, the expected status, and a part of the expected message.
Bad = tuple[dict[str, str], bytes, int, str]

# ---- JSON, whatever its members are

DOCUMENTS: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "not valid JSON"),
    "a beginning": (b'{"image":', "not valid JSON"),
    "a list": (b"[]", "the JSON is a list; send an object"),
    "a string": (b'"x"', "the JSON is a string; send an object"),
    "null": (b"null", "the JSON is null"),
    "NaN": (b'{"image": NaN}', "not valid JSON"),
    "infinity": (b'{"image": -Infinity}', "not valid JSON"),
    "bytes that are not UTF-8": (b'{"image": "\xff"}', "not valid JSON"),
    "a byte-order mark only": (b"\xef\xbb\xbf", "not valid JSON"),
    "UTF-16": ('{"image": "x"}'.encode("utf-16"), "not valid JSON"),
    "a lone surrogate": (b'{"image": "\\ud800"}', "not valid JSON"),
    "single quotes": (b"{'image': 'x'}", "not valid JSON"),
    "a comment": (b'{"image": "x"} // photo', "not valid JSON"),
    "5,000 lists in each other": (b'{"image":' + b"[" * 5000 + b"]" * 5000 + b"}", "values; allowed: 1,000"),
    "900 lists without an end": (b'{"image":' + b"[" * 900, "not valid JSON"),
    "a million values": (b'{"image": [' + b"1," * 1_000_000 + b"1]}", "values; allowed: 1,000"),
    "a million empty lists": (b'{"image": [' + b"[]," * 500_000 + b"1]}", "values; allowed: 1,000"),
    "a photo instead": (PHOTO, "not valid JSON"),
}

# ---- By the member that holds the photo: its value, and the message after the member's name

PHOTOS: dict[str, tuple[Any, str]] = {
    "number": (1, "it is a number; send the contents of an image file as base64"),
    "boolean": (True, "it is a boolean"),
    "object": ({"b64": TEXT}, "it is an object"),
    "letters that are not base64": ("!!!", "it is not valid base64"),
    "letters that are not ASCII": ("é" + TEXT, "it is not valid base64"),
    "padding inside": ("iVBO=Rw0", "it is not valid base64"),
    "base64 without its end": (TEXT[:-3], "it is not valid base64"),
    "text after the padding": (f"{b64encode(b'1').decode()}{TEXT}", "it is not valid base64"),
    "an address": ("https://example.com/cat.jpg", "addresses are not fetched"),
    "a data: URI without base64": ("data:image/png,%89PNG", "is not a data: URI with base64"),
    "a data: URI without a comma": ("data:image/png;base64", "is not a data: URI with base64"),
}


def nested() -> list[Any]:
    """Return lists in each other, as many as JSON may have: more than Python can print or compare."""
    value: list[Any] = []
    for _ in range(900):
        value = [value]
    return value


def json_body(document: Any) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request with JSON."""
    return {"Content-Type": JSON}, json.dumps(document).encode()


def binary_body(document: Any, rest: bytes, length: int | str | None = None) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a request with JSON and `rest` behind it; `length` replaces the JSON's."""
    text = json.dumps(document).encode()
    return {LENGTH: str(len(text) if length is None else length)}, text + rest


def tensor(**members: Any) -> dict[str, Any]:
    """Return a document for INFER whose input tensor has other `members`."""
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [TEXT]} | members]}


def behind(size: Any = SIZE) -> dict[str, Any]:
    """Return a document for INFER whose photo follows it."""
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size}}]}


def bad_bodies() -> Iterator[tuple[str, str, Bad]]:
    """Yield the path and the name of each bad request, and the request."""
    for path, member in ((PREDICT, "image"), (HUGGING_FACE, "inputs"), (INFER, "inputs.data")):
        for name, (body, part) in DOCUMENTS.items():
            yield path, f"JSON: {name}", ({"Content-Type": JSON}, body, 400, part)
        for name, (value, part) in PHOTOS.items():
            document = tensor(data=[value]) if path == INFER else {member: value}
            yield (
                path,
                f"photo: {name}",
                (*json_body(document), 400, f"{member}: {part}" if ": URI" not in part else part),
            )
    for path, table in OTHERS.items():
        for name, bad in table.items():
            yield path, name, bad


# Values that are no probability.
WRONG_NUMBERS: tuple[Any, ...] = (-0.1, 1.1, "x", [0.5], {})

OTHERS: dict[str, dict[str, Bad]] = {
    PREDICT: {
        "no photo": (*json_body({}), 400, "the JSON has 0 photos; send one"),
        "null as photo": (*json_body({"image": None}), 400, "the JSON has 0 photos; send one"),
        "nested lists": (*json_body({"image": nested()}), 400, "image: it is a list"),
        "a nested parameter": (*json_body({"image": TEXT, "classes": nested()}), 400, "classes: it is a list"),
        "two photos": (*json_body({"image": TEXT, "file": TEXT}), 400, "the JSON has 2 photos; send one"),
        "text in base64": (*json_body({"image": base64_of(b"no photo")}), 400, "not an image"),
        "nothing in base64": (*json_body({"image": ""}), 400, "empty"),
        "an object as output": (*json_body({"image": TEXT, "output": {}}), 400, "output: it is an object"),
        "lists of classes in a list": (*json_body({"image": TEXT, "classes": [["cat"]]}), 400, "classes: it is a list"),
        "null among classes": (*json_body({"image": TEXT, "classes": [None]}), 400, "classes: it is null"),
        "two sizes": (*json_body({"image": TEXT, "size": ["model", "model"]}), 400, "size: it is given 2 times"),
        "text as number": (*json_body({"image": TEXT, "min_score": "high"}), 400, "min_score: 'high' is not allowed"),
        "a huge number": (*json_body({"image": TEXT, "min_score": 10**30}), 400, "min_score: '1e+30' is not allowed"),
        "a boolean as output": (*json_body({"image": TEXT, "output": True}), 400, "output: 'true' is not allowed"),
        "a long text": (*json_body({"image": TEXT, "classes": "a" * 10**6}), 400, "classes: it has more than 4,000"),
        "a misspelt member": (*json_body({"image": TEXT, "sizes": 1}), 400, "did you mean size?"),
        **{
            f"the text {text!r} as {type_ or 'no type'}": (
                {"Content-Type": type_} if type_ else {},
                text.encode(),
                400,
                f"the body: it is the text {text!r}, not an image; send multipart/form-data",
            )
            for text in ("cat.jpg", "[object Object]")
            for type_ in ("", "text/plain;charset=UTF-8", "image/jpeg", "application/octet-stream")
        },
        "text in the form": (
            {"Content-Type": FORM_TYPE},
            form(b"undefined", file_name=None),
            400,
            "image: it is the text 'undefined', not an image; attach the file",
        ),
        "an address in the form": (
            {"Content-Type": FORM_TYPE},
            form(b"https://example.com/cat.jpg", file_name=None),
            400,
            "image: addresses are not fetched",
        ),
        "JSON that begins as text": ({"Content-Type": "text/plain"}, b'{"image": ', 400, "not valid JSON"),
        "the default type of curl and wget": (
            {"Content-Type": "application/x-www-form-urlencoded"},
            PHOTO,
            400,
            "PowerShell -ContentType image/jpeg",
        ),
        "XML": ({"Content-Type": "text/xml"}, b"<photo/>", 400, "the body is of type text/xml; allowed: "),
        "a compressed body": ({"Content-Encoding": "br"}, PHOTO, 415, "Content-Encoding: br is not served"),
        "a compressed form": (
            {"Content-Encoding": "gzip", "Content-Type": FORM_TYPE},
            form(PHOTO),
            415,
            "Content-Encoding: gzip is not served",
        ),
    },
    HUGGING_FACE: {
        "no photo": (*json_body({}), 400, "inputs: it is null or missing"),
        "text": ({"Content-Type": "text/xml"}, b"x", 400, "the body is of type text/xml"),
        "text as text/plain": ({"Content-Type": "text/plain"}, b"x", 400, "the body: it is the text 'x', not an image"),
        "a nested subtask": (
            *json_body({"inputs": TEXT, "parameters": {"subtask": nested()}}),
            400,
            "subtask: 'a list'",
        ),
        "a nested threshold": (
            *json_body({"inputs": TEXT, "parameters": {"threshold": nested()}}),
            400,
            "threshold: it is",
        ),
        "a list of parameters": (*json_body({"inputs": TEXT, "parameters": []}), 400, "parameters: it is a list"),
        "another subtask": (
            *json_body({"inputs": TEXT, "parameters": {"subtask": ["semantic"]}}),
            400,
            "subtask: \"['semantic']\" is not supported",
        ),
        **{
            f"{name} of {value!r}": (*json_body({"inputs": TEXT, "parameters": {name: value}}), 400, f"{name}: ")
            for name in ("threshold", "mask_threshold", "overlap_mask_area_threshold")
            for value in WRONG_NUMBERS
        },
        "a misspelt parameter": (
            *json_body({"inputs": TEXT, "parameters": {"treshold": 1}}),
            400,
            "did you mean threshold?",
        ),
    },
    INFER: {
        "no inputs": (*json_body({}), 400, "inputs: send a list with one tensor, 'image'"),
        "inputs as an object": (*json_body({"inputs": {}}), 400, "inputs: send a list with one tensor"),
        "two inputs": (*json_body({"inputs": [{}, {}]}), 400, "inputs: send a list with one tensor"),
        "text as tensor": (*json_body({"inputs": ["x"]}), 400, "inputs: it is a string"),
        "an empty tensor": (*json_body({"inputs": [{}]}), 400, "inputs: the tensor is None, None None; allowed: image"),
        "another name": (*json_body(tensor(name="pixels")), 400, "the tensor is pixels, BYTES [1]"),
        "pixels": (*json_body(tensor(datatype="UINT8")), 400, "allowed: image, BYTES [1]"),
        **{
            f"a nested {member}": (*json_body(tensor(**{member: nested()})), 400, "the tensor is ")
            for member in ("name", "datatype", "shape")
        },
        "nested data": (*json_body(tensor(data=nested())), 400, "inputs.data: it is a list"),
        "a nested size": (*binary_body(behind(nested()), ELEMENT), 400, "binary_data_size is a list"),
        "a nested name of an output": (
            *json_body(tensor() | {"outputs": [{"name": nested()}]}),
            400,
            "outputs: 'a list' does not exist",
        ),
        "two elements": (*json_body(tensor(shape=[2])), 400, "allowed: image, BYTES [1]"),
        "a shape of text": (*json_body(tensor(shape="1")), 400, "allowed: image, BYTES [1]"),
        "no data": (*json_body(tensor(data=None)), 400, "inputs.data: it is null or missing"),
        "empty data": (*json_body(tensor(data=[])), 400, "inputs.data: it is a list"),
        "two data": (*json_body(tensor(data=[TEXT, TEXT])), 400, "inputs.data: it is a list"),
        "a list as parameters": (*json_body(tensor() | {"parameters": []}), 400, "parameters: it is a list"),
        "a list as parameters of the tensor": (
            *json_body(tensor(parameters=[])),
            400,
            "inputs.parameters: it is a list",
        ),
        "a number as id": (*json_body(tensor() | {"id": 1}), 400, "id: it is a number"),
        "text as outputs": (*json_body(tensor() | {"outputs": "seg_map"}), 400, "outputs: it is a string"),
        "text as output": (*json_body(tensor() | {"outputs": ["seg_map"]}), 400, "outputs: it is a string"),
        "an output without a name": (*json_body(tensor() | {"outputs": [{}]}), 400, "outputs: 'None' does not exist"),
        "a list as name": (*json_body(tensor() | {"outputs": [{"name": []}]}), 400, "does not exist; allowed: seg_map"),
        "text as flag": (
            *json_body(tensor() | {"parameters": {"binary_data_output": "yes"}}),
            400,
            "parameters.binary_data_output: it is a string; send true or false",
        ),
        "text as flag of an output": (
            *json_body(tensor() | {"outputs": [{"name": "seg_map", "parameters": {"binary_data": 1}}]}),
            400,
            "outputs.parameters.binary_data: it is a number; send true or false",
        ),
        "a wrong parameter": (*json_body(tensor() | {"parameters": {"edges": 3}}), 400, "edges: '3' is not allowed"),
        **{
            f"a length of {length!r}": (*binary_body(behind(), ELEMENT, length), 400, LENGTH)
            for length in ("-1", "x", "", "1e3", "9" * 30, 100_000, "\xb2")
        },
        "JSON as a raw photo": (*binary_body(behind(), ELEMENT, 0), 415, "texts"),
        "no raw photo": ({LENGTH: "0"}, b"", 400, "empty"),
        "an empty raw photo": ({LENGTH: "0"}, bytes(4), 400, "empty"),
        "a raw photo without its end": ({LENGTH: "0"}, PHOTO[:30], 400, "damaged"),
        "a length that is too short": (*binary_body(behind(), ELEMENT, 10), 400, "not valid JSON"),
        "no bytes behind the JSON": (*binary_body(behind(), b""), 400, "0 bytes follow the JSON"),
        "too few bytes behind the JSON": (*binary_body(behind(), ELEMENT[:-1]), 400, "must be equal"),
        "too many bytes behind the JSON": (*binary_body(behind(), ELEMENT + b"x"), 400, "must be equal"),
        "bytes behind the JSON of a tensor that is in it": (
            *binary_body(tensor(), b"x"),
            400,
            "1 bytes follow the JSON",
        ),
        "a wrong length of the element": (
            *binary_body(behind(), struct.pack("<I", 2**32 - 1) + PHOTO),
            400,
            "must be equal",
        ),
        "a size of text": (*binary_body(behind("10"), ELEMENT), 400, "binary_data_size is 10"),
        "a negative size": (*binary_body(behind(-1), ELEMENT), 400, "must be equal"),
        "two bytes": (*binary_body(behind(2), b"xx"), 400, "must be equal"),
    },
}

# Good requests, whose bodies are damaged.
GOOD: list[tuple[str, dict[str, str], bytes]] = [
    (PREDICT, {"Content-Type": FORM_TYPE}, form(PHOTO)),
    (PREDICT, {"Content-Type": FORM_TYPE}, form(f"data:image/png;base64,{TEXT}".encode(), file_name=None)),
    (PREDICT, {"Content-Type": FORM_TYPE}, form(TEXT.encode(), file_name="blob")),
    (PREDICT, {"Content-Type": "image/png"}, PHOTO),
    (PREDICT, {"Content-Type": "binary/octet-stream"}, PHOTO),
    (PREDICT, {"Content-Type": "text/plain;charset=UTF-8"}, f" data:image/png;base64,{TEXT}".encode()),
    (PREDICT, {"Content-Type": "text/plain"}, f'\n{{"image": "{TEXT}"}}'.encode()),
    (PREDICT, {"Content-Type": "application/vnd.api+json"}, f'{{"image": "{TEXT}"}}'.encode()),
    (PREDICT, {"Content-Type": "application/json"}, f'\ufeff{{"image": "{TEXT}"}}'.encode()),
    (PREDICT, {}, f'\ufeff {{"image": "{TEXT}", "crop": "Yes"}}'.encode()),
    (HUGGING_FACE, {"Content-Type": "text/plain"}, f'{{"inputs": "{TEXT}"}}'.encode()),
    (HUGGING_FACE, {"Content-Type": FORM_TYPE}, form(TEXT.encode(), file_name=None)),
    (PREDICT, *json_body({"image": f"data:image/png;base64,{TEXT}", "classes": ["cat", 15], "output": "objects"})),
    (HUGGING_FACE, *json_body({"inputs": TEXT, "parameters": {"threshold": 0.5, "subtask": "semantic"}})),
    (INFER, *json_body(tensor() | {"id": "a", "parameters": {"size": "original"}, "outputs": [{"name": "objects"}]})),
    (INFER, {LENGTH: "0"}, PHOTO),
    (INFER, {LENGTH: "0", "Content-Type": "application/octet-stream"}, ELEMENT),
    (INFER, *binary_body(behind() | {"parameters": {"binary_data_output": True, "min_score": 0.5}}, ELEMENT)),
]


def damaged_bodies(count: int) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Yield `count` requests of GOOD with random changes of their bodies and headers, the same ones each time."""
    chance = random.Random(0)  # noqa: S311
    pieces = [bytes([code]) for code in range(256)] + [b'"', b"null", b"[]", b"{}", b"1e9", b"\r\n", b"--x", bytes(4)]
    for _ in range(count):
        path, headers, body = chance.choice(GOOD)
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(len(body))
            body = body[:at] + chance.choice(pieces) + body[at + chance.choice((0, 1, 3, 100)) :]
        yield path, {name: value for name, value in headers.items() if chance.random() < 0.9}, body
