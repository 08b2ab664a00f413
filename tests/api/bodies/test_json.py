"""JSON and base64 in bodies: what they may hold, and that hostile ones take little time and memory."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from api.bodies.json import json_object, values_in
from api.bodies.text import upload_in_base64, upload_in_text
from core.errors import InvalidRequest
from tests.support.images import base64_of
from tests.support.processes import memory_megabytes

SIZE = 32_000_000


def test_values_in_object_are_text_and_only_those_of_parameters() -> None:
    document = {"output": "map", "min_score": 0.5, "crop": True, "classes": ["cat", 15], "size": None, "other": {}}
    values = {"output": ["map"], "min_score": ["0.5"], "crop": ["true"], "classes": ["cat", "15"]}
    assert values_in(document) == values


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 100])
def test_upload_in_base64_returns_bytes(data: bytes) -> None:
    for text in (base64_of(data), f"data:;base64,{base64_of(data)}", f"data:image/png;base64,{base64_of(data)}"):
        assert upload_in_base64("image", text) == data


@pytest.mark.parametrize(
    "decode",
    [
        lambda: json_object(b'{"a":[' + b"[]," * (SIZE // 3) + b"1]}"),
        lambda: json_object(b'{"a":' + b"[" * SIZE),
        lambda: json_object(b'{"a":"' + b'\\"' * (SIZE // 2) + b"}"),
        lambda: upload_in_base64("image", "ab " * (SIZE // 3) + "!"),
        lambda: upload_in_base64("image", "data:" + "a" * SIZE),
        lambda: upload_in_base64("image", "data:a" + ";a=b" * (SIZE // 4)),
        lambda: upload_in_base64("image", "=" * SIZE),
        lambda: upload_in_base64("image", " " * SIZE + "é"),
        lambda: upload_in_text("image", b"data:;base64," + b"-_" * (SIZE // 2) + b"!", ""),
        lambda: upload_in_text("image", b"text " * (SIZE // 5), ""),
    ],
    ids=[
        "lists",
        "nesting",
        "open string",
        "spaces",
        "data: URI",
        "parameters of data: URI",
        "padding",
        "blanks",
        "base64url",
        "text",
    ],
)
def test_hostile_body_of_32_mb_takes_at_most_200_mb(decode: Callable[[], object]) -> None:
    # Makes the peak of the resident memory, VmHWM, begin at its present value; see proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_megabytes(os.getpid(), "VmHWM")
    with pytest.raises(InvalidRequest) as caught:
        decode()
    assert len(str(caught.value)) < 300
    assert memory_megabytes(os.getpid(), "VmHWM") - before < 200
