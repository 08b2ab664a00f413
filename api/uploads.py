"""Uploads, which stay in memory: the file system may be read-only."""

from collections.abc import Callable
from io import BytesIO
from typing import IO, Any

from flask import Flask, Request
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser

from config import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Make `app` hold uploads in memory, within the limits of `settings`."""
    app.request_class = InMemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        # Only the photo is read of a form. The parser itself needs room for 64 kB at once.
        MAX_FORM_PARTS=100,
        MAX_FORM_MEMORY_SIZE=100_000,
    )


class InMemoryRequest(Request):
    """A request whose uploaded files are held in memory."""

    def make_form_data_parser(self) -> FormDataParser:
        """Return Werkzeug's parser, with files in memory."""
        stream_factory: Callable[..., IO[bytes]] = _stream_factory
        return FormDataParser(
            stream_factory=stream_factory,
            max_form_memory_size=self.max_form_memory_size,
            max_content_length=self.max_content_length,
            max_form_parts=self.max_form_parts,
            cls=self.parameter_storage_class,
        )


def _stream_factory(*_: Any, **__: Any) -> IO[bytes]:
    return BytesIO()


def upload_bytes(file: FileStorage) -> bytes:
    """Return the bytes of the uploaded `file`, without a copy."""
    stream = file.stream
    return stream.getvalue() if isinstance(stream, BytesIO) else file.read()
