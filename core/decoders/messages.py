"""The messages between the process that serves and a decoder process, in JSON.

A file that a decoder process decoded may have taken it over. So read_message() takes what it sends as foreign input.
"""

import json
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.types import DecoderLoss

# Sizes of a message in bytes and of a text from a decoder process in characters, each of which takes up to four bytes.
MAX_MESSAGE, MAX_TEXT = 4096, 500
DONE = b"done"
ERRORS = {error.__name__: error for error in (InvalidImage, UnsupportedImage, ImageTooLarge)}

PixelSize: TypeAlias = tuple[int, int]


class ProcessLost(Exception):
    """A decoder process ended, or has to be ended.

    `str(error)` can be shown to a client; `details` are for the log.
    """

    def __init__(self, loss: DecoderLoss, message: str, details: str = "") -> None:
        super().__init__(message)
        self.loss = loss
        self.details = details


class WrongMessage(ProcessLost):
    """A decoder process broke the rules for its messages, files and threads."""

    def __init__(self, details: str) -> None:
        super().__init__("answer", "the decoder gave a wrong answer", details)


class Limits(NamedTuple):
    """The arguments of a decoder process: the long side of the model's image, and the pixels that a photo may have."""

    image_size: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Job:
    """To a decoder process, with a file: its size in bytes, and whether the photo is wanted besides the model's image.

    `job`, an unpredictable text, comes back in each message about the job.
    """

    job: str
    size: int
    keep_photo: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """From a decoder process that is about to decode: the width and height that the file's header tells."""

    job: str
    size: PixelSize


@dataclass(frozen=True, slots=True)
class Answer:
    """From a decoder process that has decoded: width and height of the model's image, and of the upright photo as sent.

    The pixels are in the shared memory: those of the image, and behind them those of the photo if it was wanted.
    """

    job: str
    image: PixelSize
    photo: PixelSize


@dataclass(frozen=True, slots=True)
class Failure:
    """From a decoder process that can't decode a file: the name of an exception in ERRORS, and its message."""

    job: str
    error: str
    message: str


def encoded(message: Job | Notice | Answer | Failure) -> bytes:
    """Return `message` as it is sent."""
    return json.dumps(asdict(message), ensure_ascii=False).encode()


def read_message(data: bytes) -> Notice | Answer | Failure:
    """Return the message from a decoder process. Raises WrongMessage unless it has exactly the members of one kind."""
    try:
        # An object becomes its pairs of a name and a value: no name can hide another one.
        members = json.loads(data.decode(), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise WrongMessage("a message is not JSON") from None
    match sorted(members, key=itemgetter(0)) if type(members) is tuple else []:
        case [("job", str(job)), ("size", size)]:
            return Notice(job, _size(size))
        case [("image", image), ("job", str(job)), ("photo", photo)]:
            return Answer(job, _size(image), _size(photo))
        case [("error", str(error)), ("job", str(job)), ("message", str(text))] if error in ERRORS:
            return Failure(job, error, cleaned(text, MAX_TEXT))
    raise WrongMessage("a message is no notice, answer or failure, or has an error with an unknown name")


def cleaned(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, with a mark in place of those that are not printable.

    A terminal obeys control characters, a reader is misled by marks of direction, and surrogates can't be encoded.
    """
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:limit])


def _size(value: Any) -> PixelSize:
    # Without subclasses: bool is one of int.
    if type(value) is not list or [type(side) for side in value] != [int, int] or min(value) < 1:
        raise WrongMessage("a size is not a width and a height of at least 1 pixel")
    width, height = value
    return width, height
