"""The deadline of heads: closes connections whose next request does not arrive in time.

Granian has one limit for an idle connection, which must outlive those of load balancers, and for a head that arrives.
The bytes that a connection has received, as the kernel counts them, tell one from the other.
"""

import os
import socket
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

BYTES_RECEIVED = slice(128, 136)  # tcpi_bytes_received in the struct tcp_info of linux/tcp.h


class Heads:
    """The connections to `port`; a head has `seconds` from its first byte on, the first one from the connection on.

    A request belongs to the port of its client, because an address can be written in several ways. If two clients have
    the same port, one gets a later deadline.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._seconds = port, seconds
        self._busy: Counter[int] = Counter()
        self._served: set[int] = set()
        # By the number of its socket: the bytes that a connection had received when it became idle, and when its head
        # began; math.inf for an idle one.
        self._waiting: dict[int, tuple[int, float]] = {}

    @contextmanager
    def request(self, client_port: int) -> Iterator[None]:
        """Tell at the beginning of the block that a head has arrived, and at its end that the request is answered."""
        self._busy[client_port] += 1
        try:
            yield
        finally:
            self._served.add(client_port)
            self._busy -= Counter([client_port])

    def close_late(self, now: float) -> None:
        """Close each connection whose head is not there `seconds` after it has begun; `now` is the time in seconds."""
        served, self._served = self._served, set()
        waiting, self._waiting = self._waiting, {}
        for number, connection in _connections(self._port):
            with connection, suppress(OSError):  # closed meanwhile
                client_port = connection.getpeername()[1]
                received = int.from_bytes(
                    connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)[BYTES_RECEIVED], "little"
                )
                before, began_at = waiting.get(number, (0, now))
                if client_port in served or client_port in self._busy:
                    before, began_at = received, float("inf")
                elif received > before:
                    began_at = min(began_at, now)
                if now - began_at > self._seconds:
                    connection.shutdown(socket.SHUT_RDWR)
                self._waiting[number] = before, began_at


def _connections(port: int) -> Iterator[tuple[int, socket.socket]]:
    """Yield the sockets of this process at its `port`, as duplicates that can be closed, with their numbers."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found = socket.socket(fileno=os.dup(int(name)))
                address = found.getsockname()
                if isinstance(address, tuple) and address[1:2] == (port,):
                    yield status.st_ino, found
                else:
                    found.close()
