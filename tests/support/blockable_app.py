"""`python -m tests.support.blockable_app`: the service, with workers that wait while a test holds a lock.

Each worker waits, before it decodes its image, until no process holds the exclusive lock of the file LOCK_FILE. The
system releases the lock of a process that ends.
"""

import fcntl
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import app
from core.decoders.decoder_pool import DecoderPool, Picture

VARIABLE = "LOCK_FILE"


def read_after_lock(pool: DecoderPool, *arguments: Any, **options: Any) -> AbstractContextManager[Picture]:
    """Wait for the lock, then call DecoderPool.read()."""
    with Path(os.environ[VARIABLE]).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    return read(pool, *arguments, **options)


if __name__ == "__main__":
    read = DecoderPool.read
    DecoderPool.read = read_after_lock  # type: ignore[assignment,method-assign]
    app.main()
