"""The photo of a request, which stays in memory: the file system may be read-only."""

from io import BytesIO
from typing import IO

from flask import Flask, request
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from config import Settings
from core.errors import InvalidRequest

FIELD = "image"
MULTIPART = "multipart/form-data"
HOW_TO_SEND = "send multipart/form-data, as with: curl -F 'image=@photo.jpg'"
PIECE = 1 << 16  # bytes that are parsed at a time
MAX_PARTS = 100


def init_app(app: Flask, settings: Settings) -> None:
    """Limit the uploads of `app` as `settings` tell."""
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes


def uploaded_image() -> bytes:
    """Return the bytes of the form field `image` of the request. Raises InvalidRequest if there is none."""
    if request.mimetype != MULTIPART:
        raise InvalidRequest(f"the body is of type {request.mimetype or 'none'}, not a form; {HOW_TO_SEND}")
    boundary = request.mimetype_params.get("boundary")
    if not boundary:
        raise InvalidRequest(
            "the header Content-Type has no boundary, so that the form can't be read; do not set the header yourself, "
            "so that your HTTP library sets it with the boundary"
        )
    try:
        names, images = read_form(request.stream, boundary)
    except ParserLimitReached as error:
        raise InvalidRequest(f"the form has too many or too long parts: {error}; send only the photo") from error
    except MultipartError as error:
        raise InvalidRequest(f"the form is damaged or cut off: {error}; {HOW_TO_SEND}") from error
    if len(images) > 1:
        raise InvalidRequest(f"the field '{FIELD}' comes {len(images)} times; send one photo per request")
    if not images:
        found = f"the field {', '.join(names)}" if names else "no field"
        raise InvalidRequest(f"the field '{FIELD}' is missing: found {found}; {HOW_TO_SEND}")
    return images[0]


def read_form(stream: IO[bytes], boundary: str) -> tuple[list[str], list[bytes]]:
    """Return the names of the fields in a form, and the contents of those named `image`; others are not stored.

    File names are not used, and may be in any encoding or missing. Raises multipart.MultipartError.
    """
    names: list[str] = []
    images: list[BytesIO] = []
    target: BytesIO | None = None
    # In Latin-1 every byte is a character.
    with PushMultipartParser(boundary, max_segment_count=MAX_PARTS, header_charset="latin-1") as parser:
        while not parser.closed:
            for event in parser.parse(stream.read(PIECE)):
                if isinstance(event, MultipartSegment):
                    names.append(event.name or "without a name")
                    target = BytesIO() if event.name == FIELD else None
                    if target is not None:
                        images.append(target)
                elif event and target is not None:
                    target.write(event)
    return names, [image.getvalue() for image in images]
