"""Multipart forms (RFC 7578): the photo, and the parameters beside it."""

from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from api.bodies.text import file_in_text, upload_in_text
from api.parameters import MAX_VALUE
from core.errors import InvalidRequest
from core.parameters import BACKGROUND, PARAMETERS

FIELDS = ("image", "file")
HOW_TO_ATTACH = "attach the file, as with: curl -F 'image=@photo.jpg', or send its contents as base64"
PIECE = 1 << 16  # bytes that are parsed at a time
MAX_PARTS = 100


@dataclass(slots=True)
class Contents:
    """What a body holds: an `upload`, the bytes of an image file, and the values of the parameters beside it.

    `background` is the file of the picture behind a cut-out, if there is one.
    """

    upload: bytes
    values: dict[str, list[str]] = field(default_factory=dict)
    background: bytes | None = None


def read_form(stream: IO[bytes], boundary: str) -> tuple[list[str], Contents | None]:
    """Return the names of the fields in a form, and its photo and parameters, or None if it has no photo.

    Other fields are not stored. File names may be in any encoding or missing; a photo without one can be text. Raises
    InvalidRequest if the form is damaged or too long, has several photos, a text that is none, or a parameter longer
    than MAX_VALUE or not UTF-8.
    """
    names: list[str] = []
    parts: list[tuple[MultipartSegment, BytesIO]] = []
    piece = b""
    try:
        # In Latin-1 every byte is a character.
        with PushMultipartParser(boundary, max_segment_count=MAX_PARTS, header_charset="latin-1") as parser:
            while not parser.closed:
                piece = stream.read(PIECE)
                for event in parser.parse(piece):
                    _collect(event, names, parts)
    except ParserLimitReached as error:
        raise InvalidRequest(f"the form has too many or too long parts: {error}; send only the photo") from error
    except MultipartError as error:
        raise InvalidRequest(_fault(error, boundary, names, is_end=not piece)) from error
    sent = [part.name for part, _ in parts if part.name in FIELDS]
    if len(sent) > 1:
        comes = f"the field '{sent[0]}' comes" if len({*sent}) == 1 else "the fields 'image' and 'file' come"
        raise InvalidRequest(f"{comes} {len(sent)} times; send one photo per request")
    contents = Contents(b"")
    for part, content in parts:
        _add(contents, part, content.getvalue())
    return names, contents if sent else None


def _add(contents: Contents, part: MultipartSegment, content: bytes) -> None:
    """Add the `content` of a `part`, the photo or a parameter, to `contents`. Raises InvalidRequest."""
    name, is_file = str(part.name), bool(part.filename)
    if name in FIELDS:
        contents.upload = upload_in_text(name, content, HOW_TO_ATTACH, is_file=is_file)
    elif name == BACKGROUND and content and (file := file_in_text(name, content, is_file=is_file)) is not None:
        if contents.background is not None:
            raise InvalidRequest(f"{name}: it is given several times; give one picture")
        contents.background = file
    elif content or part.filename != "":  # a browser sends an empty file for a field without one
        contents.values.setdefault(name, []).append(_decoded(name, content))


def _collect(
    event: MultipartSegment | bytes | None, names: list[str], parts: list[tuple[MultipartSegment, BytesIO]]
) -> None:
    """Add an event of the parser to `names`, and to `parts` if it is of the photo or of a parameter."""
    if isinstance(event, MultipartSegment):
        names.append(event.name or "without a name")
        if names[-1] in FIELDS or names[-1] in PARAMETERS:
            parts.append((event, BytesIO()))
    elif event and parts and names[-1] == parts[-1][0].name:
        part, content = parts[-1]
        content.write(event)
        if part.name in PARAMETERS and part.name != BACKGROUND:
            _check_length(str(part.name), content.tell())


def _fault(error: MultipartError, boundary: str, names: list[str], *, is_end: bool) -> str:
    if is_end and not names:
        return (
            f"the form has no part: the boundary {boundary[:100]!r} of the header Content-Type is not in the body; let "
            "your HTTP library set the header"
        )
    if is_end:
        return f"the form is cut off after the beginning of the field {names[-1][:100]}; send it with its last boundary"
    return f"the form is damaged: {error}; send it as RFC 7578 says, or let your HTTP library do so"


def _check_length(name: str, length: int) -> None:
    if length > MAX_VALUE:
        raise InvalidRequest(f"{name}: it has more than {MAX_VALUE:,} bytes; send a value")


def _decoded(name: str, content: bytes) -> str:
    _check_length(name, len(content))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{name}: it is not UTF-8 text: {error}") from error
