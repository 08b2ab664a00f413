"""How long clients may take: to send a request, to read its answer, and to close the connection."""

import errno
import socket
import time
from contextlib import suppress

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

# How many seconds a client has to read the last answer on a connection, and how much of what it still sends is read and
# thrown away meanwhile: closing before would lose the answer, of an upload that is too large for example.
LINGER, LINGER_BYTES = 5.0, 100_000_000
# A request whose head is longer, which few are, is a thread's.
HEAD = 8192
# Where skip() reads what is thrown away, whichever thread's.
_WASTE = bytearray(1 << 18)


def linger(sock: socket.socket) -> None:
    """Say that the answer is over, and read what still comes until the client has closed or the time is over."""
    deadline, left = time.monotonic() + LINGER, LINGER_BYTES
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and time.monotonic() < deadline:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            # In large pieces: after each, a thread may have to wait for its turn in Python.
            received = len(sock.recv(1 << 20))
            if not received:
                break
            left -= received
    sock.close()


class Connection(gthread.TConn):
    """A client's connection, on which each request must have come, and each answer be read, within `limit` seconds."""

    limit = 30.0
    patience = 0.0
    left = 0  # bytes that still come of a request that has its answer
    deadline = 0.0  # by when they must have

    def init(self) -> None:
        """Get ready for the next request."""
        if not self.initialized:
            super().init()
            self.parser.unreader = _TimedUnreader(self.sock, self.limit)
        self.parser.unreader.restart()

    def peek(self) -> bytes:
        """Return how the next request begins, as far as it has come, without taking it."""
        begun: bytes = b""
        # What has been read already is for who read it.
        if not (self.parser and self.parser.unreader.buf.getvalue()):
            with suppress(OSError):
                begun = self.sock.recv(HEAD, socket.MSG_PEEK)
        return begun

    def answer(self, data: bytes, size: int, *, last: bool) -> None:
        """Send `data`, the answer to a request of `size` bytes that has not been taken yet; skip() is what comes next.

        Where it is the `last` one, whatever the client still sends is skipped until it closes. Raises OSError where the
        client would have to be waited for.
        """
        self.init()
        self.sock.setblocking(False)
        self.sock.sendall(data)
        self.left, patience = size, self.limit
        if last:
            self.sock.shutdown(socket.SHUT_WR)
            self.left, patience = LINGER_BYTES, LINGER
        self.deadline = time.monotonic() + patience

    def skip(self) -> bool:
        """Throw away what has come of the bytes that are left; return whether the connection may go on."""
        try:
            received = self.sock.recv_into(_WASTE, min(self.left, len(_WASTE)))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.left -= received
        return received > 0 and time.monotonic() < self.deadline

    def wait_for_data(self, timeout: float) -> bool:
        """Return whether the client has said something; as a rule, one that has not waits without a thread."""
        spoke: bool = super().wait_for_data(self.patience)
        return spoke

    def close(self, graceful: bool = False) -> None:
        """Close it for good; handle() has lingered already."""
        super().close()


class _TimedUnreader(SocketUnreader):
    """The bytes that come on `sock`, those of one request for no longer than `limit` seconds."""

    def __init__(self, sock: socket.socket, limit: float) -> None:
        super().__init__(sock)
        self._limit = limit

    def restart(self) -> None:
        """Begin with a new request."""
        self._deadline = time.monotonic() + self._limit
        self.sock.settimeout(self._limit)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes. Raises TimeoutError when the time is over."""
        shorter = self.sock.gettimeout() or self._limit
        self.sock.settimeout(max(0.001, min(shorter, self._deadline - time.monotonic())))
        try:
            data: bytes = super().chunk(size_hint)
            return data
        except TimeoutError as error:
            # To gunicorn a client that has gone: there is nothing to log.
            raise TimeoutError(errno.ECONNRESET, "the request did not come in time") from error
        finally:
            self.sock.settimeout(shorter)
