"""The deadline of heads: closes connections whose next request does not arrive in time.

Granian has one limit for an idle connection, which must outlive those of load balancers, and for a head that arrives.
The bytes that a connection has received, as the kernel counts them, tell one from the other.
"""

import math
import os
import socket
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

# tcpi_bytes_received and tcpi_notsent_bytes in the struct tcp_info of linux/tcp.h.
BYTES_RECEIVED, BYTES_UNSENT = slice(128, 136), slice(144, 148)


class Heads:
    """The connections to `port`: `seconds` for a head, the first one from the connection on, and for unread responses.

    A request belongs to the port of its client, because an address can be written in several ways. If two clients have
    the same port, one gets a later deadline.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self._port, self._seconds = port, seconds
        self._busy: Counter[int] = Counter()
        self._served: dict[int, float] = {}  # bytes of answered requests
        # By its number: a connection's bytes that belong to requests, and when its head began; inf for an idle one.
        self._waiting: dict[int, tuple[float, float]] = {}

    def begin(self, client_port: int) -> None:
        """Tell that the head of a request has arrived."""
        self._busy[client_port] += 1

    def end(self, client_port: int, size: float) -> None:
        """Tell that a request of `size` bytes is over; math.inf if that is not known, -math.inf if nobody reads on."""
        self._served[client_port] = self._served.get(client_port, 0) + size
        self._busy -= Counter([client_port])

    def close_late(self, now: float) -> None:
        """Close each connection whose head is not there `seconds` after it has begun; `now` is the time in seconds."""
        waiting, self._waiting, gone = self._waiting, {}, set(self._served)
        for number, connection in _connections(self._port):
            with connection, suppress(OSError):  # closed meanwhile
                client_port = connection.getpeername()[1]
                info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                received, unsent = (int.from_bytes(info[part], "little") for part in (BYTES_RECEIVED, BYTES_UNSENT))
                known, began_at = waiting.get(number, (0, now))
                if client_port in self._busy:
                    began_at = math.inf
                else:
                    served = self._served.pop(client_port, 0)
                    known, began_at = min(known + served, received), now if served else began_at
                    is_idle = known > 0 and received == known and not unsent
                    began_at = math.inf if is_idle else min(began_at, now) if known >= 0 else -math.inf
                if now - began_at > self._seconds:
                    connection.shutdown(socket.SHUT_RDWR)
                self._waiting[number] = known, began_at
                gone.discard(client_port)
        for client_port in gone - set(self._busy):
            del self._served[client_port]


def _connections(port: int) -> Iterator[tuple[int, socket.socket]]:
    """Yield the sockets of this process at its `port`, as duplicates that can be closed, with their numbers."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found = socket.socket(fileno=os.dup(int(name)))
                if found.family in {socket.AF_INET, socket.AF_INET6} and found.getsockname()[1] == port:
                    yield status.st_ino, found
                else:
                    found.close()
