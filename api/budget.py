"""A limit on the bytes of uploads and responses that the service holds in memory at a time."""

from threading import Lock

from core.errors import MemoryFull


class MemoryBudget:
    """A budget of `limit` bytes, shared by all requests."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reserved = 0
        self._lock = Lock()

    def reserve(self, size: int) -> None:
        """Reserve `size` bytes. Raises MemoryFull if they exceed the limit."""
        with self._lock:
            if self.reserved + size > self.limit:
                raise MemoryFull(
                    f"the service holds {self.reserved / 1e6:.0f} MB of uploads and responses, and may hold "
                    f"{self.limit / 1e6:g} MB (QUEUE_SIZE x MAX_UPLOAD_MB); try again later"
                )
            self.reserved += size

    def release(self, size: int) -> None:
        """Release `size` bytes that were reserved."""
        with self._lock:
            self.reserved -= size


class Reservation:
    """The bytes that one request has reserved of `budget`."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._size = 0

    def grow(self, size: int) -> None:
        """Reserve `size` more bytes. Raises MemoryFull."""
        self._budget.reserve(size)
        self._size += size

    def release(self) -> None:
        """Release all bytes; a second call has no effect."""
        self._budget.release(self._size)
        self._size = 0
