"""Deadlines of clients: to send a request, to read its response, and to close the connection."""

import errno
import socket
import time
from contextlib import suppress

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

# Before a connection is closed, the client has LINGER seconds to read its last response, and up to LINGER_BYTES of its
# data are read and discarded: closing at once would lose the response, for example to an upload that is too large.
LINGER, LINGER_BYTES = 5.0, 100_000_000
# Bytes of a request's head that the main loop looks at; a longer head is left to a worker thread.
HEAD = 8192
# Buffer for discarded data, shared by all threads.
_DISCARDED = bytearray(1 << 18)


def linger(sock: socket.socket) -> None:
    """Close the sending side, then discard received data until the client closes or LINGER seconds have passed."""
    deadline, left = time.monotonic() + LINGER, LINGER_BYTES
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and time.monotonic() < deadline:
            sock.settimeout(max(0.001, deadline - time.monotonic()))
            # In large pieces: after each, the thread may have to wait for the interpreter lock.
            received = len(sock.recv(1 << 20))
            if not received:
                break
            left -= received
    sock.close()


class Connection(gthread.TConn):
    """A connection whose client has `limit` seconds to send each request, and `limit` seconds to read each response."""

    limit = 30.0
    data_timeout = 0.0  # seconds that wait_for_data() waits
    left = 0  # bytes still to be received of a request that has its response already
    deadline = 0.0  # by when they must have been received

    def init(self) -> None:
        """Prepare for the next request."""
        if not self.initialized:
            super().init()
            self.parser.unreader = _TimedUnreader(self.sock, self.limit)
        self.parser.unreader.restart()

    def peek(self) -> bytes:
        """Return the first bytes of the next request that have been received, without consuming them."""
        begun: bytes = b""
        # Bytes in the parser's buffer belong to the parser; the socket has only those behind them.
        if not (self.parser and self.parser.unreader.buf.getvalue()):
            with suppress(OSError):
                begun = self.sock.recv(HEAD, socket.MSG_PEEK)
        return begun

    def respond(self, data: bytes, size: int, *, last: bool) -> None:
        """Send `data`, the response to a request of `size` bytes that have not been consumed; skip() discards them.

        After the `last` response of the connection, skip() discards data until the client closes. Raises OSError if
        sending would block.
        """
        self.init()
        self.sock.setblocking(False)
        self.sock.sendall(data)
        self.left, seconds = size, self.limit
        if last:
            self.sock.shutdown(socket.SHUT_WR)
            self.left, seconds = LINGER_BYTES, LINGER
        self.deadline = time.monotonic() + seconds

    def skip(self) -> bool:
        """Discard received bytes of those that are left; return whether the connection may continue."""
        try:
            received = self.sock.recv_into(_DISCARDED, min(self.left, len(_DISCARDED)))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.left -= received
        return received > 0 and time.monotonic() < self.deadline

    def wait_for_data(self, timeout: float) -> bool:
        """Return whether data has been received; by default without waiting: idle clients take no thread."""
        has_data: bool = super().wait_for_data(self.data_timeout)
        return has_data

    def close(self, graceful: bool = False) -> None:
        """Close the socket at once; Worker.handle() has lingered already."""
        super().close()


class _TimedUnreader(SocketUnreader):
    """Reads from a socket, with a deadline of `limit` seconds for all bytes of one request."""

    def __init__(self, sock: socket.socket, limit: float) -> None:
        super().__init__(sock)
        self._limit = limit

    def restart(self) -> None:
        """Start the deadline of the next request."""
        self._deadline = time.monotonic() + self._limit
        self.sock.settimeout(self._limit)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next bytes. Raises TimeoutError after the deadline."""
        shorter = self.sock.gettimeout() or self._limit
        self.sock.settimeout(max(0.001, min(shorter, self._deadline - time.monotonic())))
        try:
            data: bytes = super().chunk(size_hint)
            return data
        except TimeoutError as error:
            # gunicorn takes this number for a client that has disconnected, and logs nothing.
            raise TimeoutError(errno.ECONNRESET, "the request was not received in time") from error
        finally:
            self.sock.settimeout(shorter)
