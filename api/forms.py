"""Multipart forms (RFC 7578): the photo, and the parameters beside it."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from multipart import MultipartSegment, PushMultipartParser

from api.parameters import PARAMETERS
from core.errors import InvalidRequest

FIELDS = ("image", "file")
PIECE = 1 << 16  # bytes that are parsed at a time
MAX_PARTS = 100
MAX_VALUE = 4000  # bytes of a parameter, as in a URL


@dataclass(slots=True)
class Upload:
    """The file of a photo, and the values of the parameters that were sent with it."""

    photo: bytes
    values: dict[str, list[str]] = field(default_factory=dict)


def read_form(stream: IO[bytes], boundary: str) -> tuple[list[str], Upload | None]:
    """Return the names of the fields in a form, and its photo and parameters, or None if it has no photo.

    Other fields are not stored. File names are not used, and may be in any encoding or missing. Raises
    multipart.MultipartError, and InvalidRequest if there are several photos or a parameter is no short text.
    """
    names: list[str] = []
    photos: list[BytesIO] = []
    values: list[tuple[str, BytesIO]] = []
    target: BytesIO | None = None
    # In Latin-1 every byte is a character.
    with PushMultipartParser(boundary, max_segment_count=MAX_PARTS, header_charset="latin-1") as parser:
        while not parser.closed:
            for event in parser.parse(stream.read(PIECE)):
                if isinstance(event, MultipartSegment):
                    name = event.name or "without a name"
                    names.append(name)
                    target = BytesIO() if name in FIELDS or name in PARAMETERS else None
                    if target is not None and name in FIELDS:
                        photos.append(target)
                    elif target is not None:
                        values.append((name, target))
                elif event and target is not None:
                    target.write(event)
                    if names[-1] in PARAMETERS and target.tell() > MAX_VALUE:
                        raise InvalidRequest(f"{names[-1]}: it has more than {MAX_VALUE:,} bytes; send a value")
    if len(photos) > 1:
        sent = [name for name in names if name in FIELDS]
        raise InvalidRequest(f"{_fields(sent)} {len(photos)} times; send one photo per request")
    found: dict[str, list[str]] = {}
    for name, content in values:
        found.setdefault(name, []).append(_decoded(name, content.getvalue()))
    return names, Upload(photos[0].getvalue(), found) if photos else None


def _fields(names: list[str]) -> str:
    different = list(dict.fromkeys(names))
    return f"the field '{names[0]}' comes" if len(different) == 1 else "the fields 'image' and 'file' come"


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{name}: it is not UTF-8 text: {error}") from error
