"""What a decoder process sends: exactly the messages of a decoder process are read, and nothing else gets through."""

import json
import random
from typing import Any

import pytest

from core.decoders.messages import (
    MAX_MESSAGE,
    MAX_TEXT,
    Answer,
    Failure,
    Notice,
    WrongMessage,
    cleaned,
    encoded,
    read_message,
)

NOTICE: dict[str, Any] = {"job": "7", "size": [4, 3]}
ANSWER: dict[str, Any] = {"job": "7", "image": [2, 1], "photo": [4, 3]}
FAILURE: dict[str, Any] = {"job": "7", "error": "InvalidImage", "message": "damaged"}
# Values of every other type that JSON has, and those that Python's reader adds.
NO_TEXTS: list[Any] = [None, True, 7, 7.0, [], ["7"], {}]
NO_SIZES: list[Any] = [
    *(None, True, 7, 4.3, "", "43", {}, [], [4], [4, 3, 1], [[4, 3]], [4, [3]], [4, None], [4, "3"], [4, {}]),
    *(
        [True, 3],
        [4, True],
        [4.0, 3],
        [4, 3.0],
        [4, float("nan")],
        [float("inf"), 3],
        [0, 3],
        [4, 0],
        [-4, -3],
        [4, -1],
    ),
]


def changed(message: dict[str, Any], name: str, value: Any) -> bytes:
    return json.dumps(message | {name: value}).encode()


@pytest.mark.parametrize(
    "message",
    [Notice("7", (4, 3)), Answer("7", (2, 1), (4, 3)), Failure("7", "ImageTooLarge", 'a "large"\\ picture \N{CAT}')],
)
def test_message_that_was_encoded_is_read(message: Notice | Answer | Failure) -> None:
    assert read_message(encoded(message)) == message


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"ok", b"done", b"{", b"\xff", b"null", b"7", b'"job"', b"NaN", b"[]", b"{}", b"[" * MAX_MESSAGE),
        *(b'{"a":' * 800, b"\0", b"9" * MAX_MESSAGE, b'{"job": "7", "size": [4, 3]} {}', b'\xef\xbb\xbf{"job": "7"}'),
        json.dumps(NOTICE).encode("utf-16"),
        b'{"job": "7", "size": [4, 3], "size": [4, 3]}',
        b'{"job": "7", "size": [4, ' + b"9" * 5000 + b"]}",
        json.dumps([NOTICE]).encode(),
        json.dumps(NOTICE | ANSWER).encode(),
        json.dumps(ANSWER | FAILURE).encode(),
    ],
)
def test_read_of_what_is_no_message_raises_wrong_message(data: bytes) -> None:
    with pytest.raises(WrongMessage):
        read_message(data)


@pytest.mark.parametrize("message", [NOTICE, ANSWER, FAILURE])
def test_read_of_message_with_missing_or_additional_member_raises_wrong_message(message: dict[str, Any]) -> None:
    for name, value in message.items():
        others = {other: message[other] for other in message if other != name}
        for wrong in (others, others | {name.upper(): value}, message | {name.upper(): value}):
            with pytest.raises(WrongMessage):
                read_message(json.dumps(wrong).encode())


@pytest.mark.parametrize("value", NO_TEXTS)
def test_read_of_member_that_is_no_text_raises_wrong_message(value: Any) -> None:
    for message, name in ((NOTICE, "job"), (ANSWER, "job"), (FAILURE, "job"), (FAILURE, "error"), (FAILURE, "message")):
        with pytest.raises(WrongMessage):
            read_message(changed(message, name, value))


@pytest.mark.parametrize("value", NO_SIZES, ids=str)
def test_read_of_member_that_is_no_size_raises_wrong_message(value: Any) -> None:
    for message, name in ((NOTICE, "size"), (ANSWER, "image"), (ANSWER, "photo")):
        with pytest.raises(WrongMessage):
            read_message(changed(message, name, value))


@pytest.mark.parametrize(
    "name", ["", "ModelError", "ClientGone", "SystemExit", "invalidimage", "InvalidImage ", "__class__"]
)
def test_read_of_failure_with_other_error_raises_wrong_message(name: str) -> None:
    with pytest.raises(WrongMessage) as raised:
        read_message(changed(FAILURE, "error", name))
    assert "unknown name" in raised.value.details


def test_read_of_any_bytes_returns_a_message_or_raises_wrong_message() -> None:
    generator = random.Random(133)  # noqa: S311 - no secret
    for _ in range(5000):
        data = bytearray(json.dumps(generator.choice([NOTICE, ANSWER, FAILURE])).encode())
        for _ in range(generator.randrange(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            message = read_message(bytes(data))
        except WrongMessage as error:
            assert f"{error}: {error.details}".isprintable()  # noqa: PT017 - either is right
        else:
            assert type(message) in (Notice, Answer, Failure)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain, é, \N{CAT FACE}", "plain, é, \N{CAT FACE}"),
        ("\x1b[31m\r\n\0\x7f\x9b", "\ufffd[31m" + "\ufffd" * 5),
        ("\u202e\u200b\u2028\ud800", "\ufffd" * 4),
        ("x" * 600, "x" * MAX_TEXT),
    ],
)
def test_cleaned_text_is_printable_and_short(text: str, result: str) -> None:
    assert cleaned(text, MAX_TEXT) == result


def test_longest_failure_fits_into_a_message() -> None:
    for character in ("\N{CAT FACE}", '"', "\\", "\ufffd"):
        assert len(encoded(Failure("0" * 16, "UnsupportedImage", character * MAX_TEXT))) <= MAX_MESSAGE
