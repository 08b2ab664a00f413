"""The limit on the memory of requests that wait, run or are answered, beside the limit on their number (queue)."""

from core.errors import MemoryFull


class MemoryBudget:
    """A limit on the bytes of uploads and responses in memory. Not thread-safe: one thread uses it."""

    def __init__(self, limit: int) -> None:
        self.limit, self.reserved = limit, 0

    def reserve(self, size: int) -> None:
        """Reserve `size` bytes; a negative number releases them. Raises MemoryFull if they exceed the limit."""
        if self.reserved + size > self.limit:
            raise MemoryFull(
                f"the service holds {self.reserved / 1e6:.0f} MB of uploads and responses, and may hold "
                f"{self.limit / 1e6:g} MB (QUEUE_SIZE x MAX_UPLOAD_MB); try again later"
            )
        self.reserved += size
