"""How many bytes of uploads and of answers the service holds at once, whatever is sent to it and however slowly."""

from contextlib import suppress
from io import BytesIO
from threading import Lock
from typing import IO, Any

from flask import Request, Response, current_app, request
from gunicorn.http.errors import ParseException
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException

from core.errors import MemoryFull

CHUNK = 1 << 18


class Memory:
    """Room for `limit` bytes, which requests take and give back."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._lock = Lock()

    def take(self, size: int) -> None:
        """Take room for `size` bytes. Raises MemoryFull where there is none."""
        with self._lock:
            if self.held + size > self.limit:
                raise MemoryFull(
                    f"the service holds {self.held / 1e6:.0f} MB of uploads and answers and has no room for more than "
                    f"{self.limit / 1e6:g} (QUEUE_SIZE times MAX_UPLOAD_MB); try again later"
                )
            self.held += size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self.held -= size


def current_memory() -> Memory:
    """Return the room of the current application."""
    memory: Memory = current_app.extensions["memory"]
    return memory


class Share:
    """What one request has taken of the current application's room."""

    def __init__(self) -> None:
        self._memory: Memory | None = None
        self._size = 0

    def take(self, size: int) -> None:
        """Take room for `size` bytes more. Raises MemoryFull."""
        self._memory = current_memory()
        self._memory.take(size)
        self._size += size

    def give_back(self) -> None:
        """Give back all of it."""
        if self._memory:
            self._memory.give_back(self._size)
            self._size = 0


class InMemoryRequest(Request):
    """A request whose uploads stay in memory: the file system may be read-only.

    What has come of them is counted, so that many slow ones can't hold more together than is allowed.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._share = Share()

    def _get_file_stream(self, *_: Any, **__: Any) -> IO[bytes]:
        return _Upload(self._share)

    def close(self) -> None:
        """Give back the room; Flask calls it when the request has been answered."""
        super().close()
        self._share.give_back()


def discard_rest(response: Response) -> Response:
    """Read what still comes of a request that was answered before, so that the next one on the connection can be.

    One that is too large is not waited for.
    """
    if (request.content_length or 0) <= current_app.config["MAX_CONTENT_LENGTH"]:
        # What is not HTTP has no rest that could be read; gunicorn's own stream raises OSError for Werkzeug's 400.
        with suppress(HTTPException, ParseException, OSError):
            while request.stream.read(CHUNK):
                pass
    return response


class _Upload(BytesIO):
    """A file that is being received. It does not know its request: a cycle would keep it until it is collected."""

    def __init__(self, share: Share) -> None:
        super().__init__()
        self._share = share

    def write(self, data: Any, /) -> int:
        self._share.take(len(data))
        return super().write(data)


def contents(file: FileStorage) -> bytes:
    """Return the bytes of an uploaded `file` without copying them."""
    stream = file.stream
    return stream.getvalue() if isinstance(stream, BytesIO) else file.read()


def held(response: Response) -> Response:
    """Count the body of `response` until it has been sent. Raises MemoryFull."""
    memory, size = current_memory(), len(response.get_data())
    memory.take(size)
    response.call_on_close(lambda: memory.give_back(size))
    return response
