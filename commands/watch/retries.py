"""When a photo is tried again whose error had another cause than the photo, such as a decoder that was killed."""

import errno
from pathlib import Path

from commands.shared.again import Version
from core.errors import Unavailable

# Errors of writing a result that stay: their cause is the name of the photo or a file in its place, not a full disk.
PERMANENT = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EINVAL, errno.ELOOP, errno.EILSEQ}
# Seconds until each of the next tries. After the last one, a photo waits for a change or a restart: a photo that ends
# its decoder again and again must not occupy it for ever.
DELAYS = (10.0, 60.0, 600.0, 3600.0)


class Retries:
    """The photos that have failed, with the version that did and the number of failures."""

    def __init__(self) -> None:
        self._failures: dict[Path, tuple[Version, int]] = {}

    def delay(self, path: Path, version: Version, failure: Exception) -> float | None:
        """Count a `failure` of a photo; return the seconds until its next try, None if there is none."""
        passes = isinstance(failure, (Unavailable, MemoryError)) or (
            isinstance(failure, OSError) and failure.errno not in PERMANENT
        )
        before, number = self._failures.get(path, (version, 0))
        number = number if before == version else 0
        self._failures[path] = version, number + 1
        return DELAYS[number] if passes and number < len(DELAYS) else None

    def forget(self, path: Path) -> None:
        """Forget the failures of a photo that has a result or an error of its own."""
        self._failures.pop(path, None)
