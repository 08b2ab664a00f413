"""`python -m tests.support.blockable_app`: the service, with workers that wait while a test holds a lock.

Each worker waits, before it decodes its image, until no process holds the exclusive lock of the file LOCK_FILE. The
system releases the lock of a process that ends.
"""

import fcntl
import os
from pathlib import Path

import app
import core.model
from core.image.decode import Photo, read_image

VARIABLE = "LOCK_FILE"


def read_image_after_lock(data: bytes, max_pixels: int, min_long_side: int | None = None) -> Photo:
    """Wait for the lock, then call read_image()."""
    with Path(os.environ[VARIABLE]).open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
    return read_image(data, max_pixels, min_long_side)


if __name__ == "__main__":
    core.model.read_image = read_image_after_lock  # type: ignore[attr-defined]
    app.main()
