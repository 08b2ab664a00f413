"""Photos that arrive as text: base64 and data: URIs."""

import binascii
import codecs
import re
from threading import Lock
from typing import Any

from api.bodies.json import kind
from core.errors import InvalidRequest
from core.image.signature import UNSERVED

MAX_DATA_HEAD = 1000  # characters of a data: URI in front of its data
DATA_URI = re.compile(r"data:[\w.+/-]*(?:;[\w.+-]+=[^;,]*)*(;base64)?,", re.ASCII | re.IGNORECASE)
URI = re.compile(r"data:|https?://", re.IGNORECASE)
# The two letters of base64url (RFC 4648, 5) become those of base64.
FROM_URL_ALPHABET = bytes.maketrans(b"-_", b"+/")
# A path or a word can be valid base64, too; no photo has so few characters.
BASE64 = re.compile(r"[\w+/=\r\n-]{32,}", re.ASCII)
MAX_SHOWN = 60  # characters of another text in a message
HEAD = 256  # bytes by which a text is told from a file
# Files of kinds that can be text; the photo that is served can, if its pixels are.
FILES = (re.compile(rb"P[56]\s"), *UNSERVED.values())
# A text and the photo in it take twice the memory of the body, which alone is counted (server.gate). One request at a
# time may do so.
DECODING = Lock()


def upload_in_base64(name: str, value: Any) -> bytes:
    """Return the bytes of the file that `value`, the member `name` of a JSON object, holds as base64 or as a data: URI.

    White space is ignored, as in RFC 2045. The alphabet can be that of URLs, and the padding be missing. Raises
    InvalidRequest if `value` is anything else.
    """
    if not isinstance(value, str):
        raise InvalidRequest(f"{name}: it is {kind(value)}; send the contents of an image file as base64 in a string")
    value = value.strip()
    if uri := URI.match(value):
        if uri[0].lower() != "data:":
            raise InvalidRequest(f"{name}: addresses are not fetched; send the contents of the image file as base64")
        head = DATA_URI.match(value, 0, MAX_DATA_HEAD)
        if not head or not head[1]:
            raise InvalidRequest(f"{name}: {value[:40]!r} is not a data: URI with base64; send data:;base64,...")
        value = value[head.end() :]
    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        pass
    try:
        # Lines of 76 characters, as many tools write them.
        data = value.encode("ascii").translate(FROM_URL_ALPHABET, b" \t\r\n")
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4), strict_mode=True)
    except ValueError as error:
        raise InvalidRequest(f"{name}: it is not valid base64 (RFC 4648, 4): {error}") from error


def upload_in_text(name: str, content: bytes, hint: str, *, is_file: bool = False) -> bytes:
    """Return the file of the photo in `content`, as file_in_text(). Raises InvalidRequest, with `hint` for a text."""
    file = file_in_text(name, content, is_file=is_file)
    if file is None:
        text = content[: 4 * MAX_SHOWN + 4].decode(errors="replace").strip()
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
        raise InvalidRequest(f"{name}: it is the text {shown!r}, not an image; {hint}")
    return file


def file_in_text(name: str, content: bytes, *, is_file: bool = False) -> bytes | None:
    """Return the file in `content`: this itself, or the one that it holds as base64 or as a data: URI.

    None if it is another text. With `is_file` it was sent as a file, and another text is returned: the decoder names
    its format. Raises InvalidRequest for damaged base64.
    """
    if not is_text(content):
        return content
    with DECODING:
        text = content.decode(errors="replace").strip()
        if holds_file(text, is_file=is_file):
            return upload_in_base64(name, text)
    return content if is_file else None


def holds_file(text: str, *, is_file: bool = False) -> bool:
    """Return whether `text` is base64 or a URI, from which upload_in_base64() makes a file or an error.

    With `is_file` it was sent as a file: such a text is a URI only if that has its data inside.
    """
    is_uri = URI.match(text) and not is_file
    return bool(BASE64.fullmatch(text, 0, HEAD) or is_uri or DATA_URI.match(text))


def is_text(content: bytes) -> bool:
    """Return whether `content` begins as a text, and as no file of a known format."""
    try:
        # The decoder keeps a character that is cut off at the end.
        head = codecs.getincrementaldecoder("utf-8")().decode(content[:HEAD])
    except UnicodeDecodeError:
        return False
    return "".join(head.split()).isprintable() and bool(head) and not any(file.match(content) for file in FILES)
