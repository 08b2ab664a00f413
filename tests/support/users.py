"""Runs code as a user that may not read everything."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """Run the block, if this is root, as a user that may read `folder`, one of pytest's temporary folders."""
    user = os.geteuid()
    if user == 0:
        for parent in [folder, *folder.parents]:
            if not parent.stat().st_mode & 0o005:
                parent.chmod(parent.stat().st_mode | 0o055)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
