"""Uploads, which stay in memory within the budget of all requests: the file system may be read-only."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import IO, Any

from flask import Flask, Request, Response
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser

from api.budget import Reservation
from api.extensions import current_budget
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
    """A request whose uploaded files are held in memory and counted while they are received."""

    reservation: Reservation | None = None

    def make_form_data_parser(self) -> FormDataParser:
        """Return Werkzeug's parser, with files that reserve the bytes that they receive."""
        self.reservation = Reservation(current_budget())
        stream_factory: Callable[..., IO[bytes]] = partial(_stream_factory, self.reservation)
        return FormDataParser(
            stream_factory=stream_factory,
            max_form_memory_size=self.max_form_memory_size,
            max_content_length=self.max_content_length,
            max_form_parts=self.max_form_parts,
            cls=self.parameter_storage_class,
        )

    def close(self) -> None:
        """Release the bytes; Flask calls it after the response has been sent."""
        super().close()
        if self.reservation:
            self.reservation.release()


class _Upload(BytesIO):
    """A file that is being received.

    It does not refer to its request: that would be a reference cycle, which keeps the file until a garbage collection.
    """

    def __init__(self, reservation: Reservation) -> None:
        super().__init__()
        self._reservation = reservation

    def write(self, data: Any, /) -> int:
        self._reservation.grow(len(data))
        return super().write(data)


def _stream_factory(reservation: Reservation, *_: Any, **__: Any) -> IO[bytes]:
    return _Upload(reservation)


def upload_bytes(file: FileStorage) -> bytes:
    """Return the bytes of the uploaded `file`, without a copy."""
    stream = file.stream
    return stream.getvalue() if isinstance(stream, BytesIO) else file.read()


def reserve_response(response: Response) -> Response:
    """Reserve the body of `response` until it has been sent. Raises MemoryFull."""
    reservation = Reservation(current_budget())
    reservation.grow(len(response.get_data()))
    response.call_on_close(reservation.release)
    return response
