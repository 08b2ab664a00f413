"""Requests and responses of the Open Inference Protocol V2: JSON, and tensors in JSON or behind it.

The protocol: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md. Its extension
for tensors behind the JSON is Triton's, docs/protocol/extension_binary_data.md in triton-inference-server/server.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from api.bodies.json import json_object, kind, object_in, shown
from api.bodies.text import upload_in_base64
from core.errors import InvalidRequest
from core.types import Array

EXTENSION = "binary_tensor_data"
HEADER = "Inference-Header-Content-Length"
INPUT = "image"
LENGTH = 4  # bytes of the little-endian length in front of each element of a BYTES tensor


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request for an inference: a photo's file, and whether each of the `outputs` is wanted behind the JSON."""

    upload: bytes
    id: str | None
    parameters: dict[str, Any]
    outputs: dict[str, bool]


def read_request(body: bytes, header: str | None, names: tuple[str, ...]) -> InferRequest:
    """Return the request in `body`, whose JSON has `header` bytes; None stands for all.

    Without JSON, the body is the photo, and the response binary, as in Triton's raw binary requests. `names` are the
    possible outputs; a request without outputs gets the first. Raises InvalidRequest.
    """
    length = len(body) if header is None else _length(header, len(body))
    if header is not None and not length:
        return InferRequest(_raw_upload(body), None, {}, {names[0]: True})
    document = json_object(body[:length])
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise InvalidRequest(f"inputs: send a list with one tensor, '{INPUT}'")
    upload = _upload(object_in("inputs", inputs[0]), memoryview(body)[length:])
    parameters = object_in("parameters", document.get("parameters"))
    id_ = document.get("id")
    if not isinstance(id_, str | None):
        raise InvalidRequest(f"id: it is {kind(id_)}; send a string")
    return InferRequest(upload, id_, parameters, _outputs(document.get("outputs"), parameters, names))


def _length(header: str, size: int) -> int:
    # Ten digits are more than any body has.
    length = int(header) if header.isascii() and header.isdecimal() and len(header) <= 10 else -1
    if not 0 <= length <= size:
        raise InvalidRequest(f"{HEADER}: {header[:50]!r} can't be used; the body has {size} bytes")
    return length


def _raw_upload(body: bytes) -> bytes:
    """Return the photo in `body`, which may have its length in front of it: no photo begins with that by chance."""
    has_length = int.from_bytes(body[:LENGTH], "little") == len(body) - LENGTH
    return body[LENGTH:] if has_length else body


def _upload(tensor: dict[str, Any], rest: memoryview) -> bytes:
    """Return the photo in the input `tensor`, or in `rest`, the bytes behind the JSON."""
    name, datatype, shape = (tensor.get(member) for member in ("name", "datatype", "shape"))
    if name != INPUT or datatype != "BYTES" or shape not in ([1], [1, 1]):
        raise InvalidRequest(
            f"inputs: the tensor is {shown(name)}, {shown(datatype)} {shown(shape)}; allowed: {INPUT}, BYTES [1], the "
            "contents of an image file"
        )
    size = object_in("inputs.parameters", tensor.get("parameters")).get("binary_data_size")
    if size is None:
        data = tensor.get("data")
        while isinstance(data, list) and len(data) == 1:
            data = data[0]
        if rest:
            raise InvalidRequest(f"inputs: {len(rest)} bytes follow the JSON, but the tensor has no binary_data_size")
        return upload_in_base64("inputs.data", data)
    expected = int.from_bytes(rest[:LENGTH], "little") + LENGTH
    if size != len(rest) or size != expected:
        raise InvalidRequest(
            f"inputs: binary_data_size is {shown(size)}, {len(rest)} bytes follow the JSON, and their length says "
            f"{expected}; these must be equal"
        )
    return bytes(rest[LENGTH:])


def _outputs(requested: Any, parameters: dict[str, Any], names: tuple[str, ...]) -> dict[str, bool]:
    """Return whether each of the `requested` outputs, one of `names`, is wanted behind the JSON."""
    default = _flag("parameters.binary_data_output", parameters.get("binary_data_output", False))
    if requested is not None and not isinstance(requested, list):
        raise InvalidRequest(f"outputs: it is {kind(requested)}; send a list of objects")
    outputs = {}
    for item in requested or [{"name": names[0]}]:
        output = object_in("outputs", item)
        name = output.get("name")
        if name not in names:
            raise InvalidRequest(f"outputs: {shown(name)!r} does not exist; allowed: {', '.join(names)}")
        options = object_in("outputs.parameters", output.get("parameters"))
        outputs[name] = _flag("outputs.parameters.binary_data", options.get("binary_data", default))
    return outputs


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name}: it is {kind(value)}; send true or false")
    return value


@dataclass(frozen=True, slots=True)
class Tensor:
    """An output: its name, and an array of uint8 (UINT8), or bytes (BYTES, shape [1]) whose text in JSON is `text`."""

    name: str
    data: Array | bytes
    text: Callable[[bytes], str] = lambda data: base64.b64encode(data).decode()


def infer_response(head: dict[str, Any], tensors: list[Tensor], outputs: dict[str, bool]) -> tuple[bytes, int]:
    """Return the body of a response with `tensors`, and the number of bytes of the JSON at its beginning.

    `head` has the other members of its JSON; `outputs` says which tensors follow it.
    """
    described, pieces = [], []
    for tensor in tensors:
        if isinstance(tensor.data, bytes):
            entry: dict[str, Any] = {"name": tensor.name, "datatype": "BYTES", "shape": [1]}
        else:
            entry = {"name": tensor.name, "datatype": "UINT8", "shape": tensor.data.shape}
        if outputs[tensor.name]:
            piece = _binary(tensor.data)
            entry["parameters"] = {"binary_data_size": len(piece)}
            pieces.append(piece)
        elif isinstance(tensor.data, bytes):
            entry["data"] = [tensor.text(tensor.data)]
        else:
            entry["data"] = np.ascontiguousarray(tensor.data).ravel()
        described.append(entry)
    json = orjson.dumps(head | {"outputs": described}, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([json, *pieces]), len(json)


def _binary(data: Array | bytes) -> bytes:
    return len(data).to_bytes(LENGTH, "little") + data if isinstance(data, bytes) else data.tobytes()
