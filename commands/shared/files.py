"""Files of results: written completely or not at all, and only inside their folder."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def why_not_writable(folder: Path, made: list[Path]) -> str:
    """Create `folder`; return why files can't be written to it, "" if they can. Add the created folders to `made`."""
    try:
        for parent in [*reversed(folder.parents), folder]:
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_inside(folder: Path, root: Path) -> None:
    """Raise OSError if a symbolic link below `root` leads to a `folder` outside of it; `folder` need not exist yet."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise OSError(errno.ELOOP, f"a link leads out of {root}; remove the link, or write to its target", str(folder))


def is_special(file: Path) -> bool:
    """Return whether `file` is a device or a pipe, which can't be replaced."""
    return file.exists() and not file.is_file() and not file.is_dir()


def write(file: Path, content: bytes) -> None:
    """Write `content` to `file`, which appears complete or not at all. Raises OSError."""
    if is_special(file):
        file.write_bytes(content)
        return
    with complete(file) as opened:
        opened.write(content)


@contextmanager
def complete(file: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets the name `file` when the block ends without an exception. Raises OSError."""
    # The name depends only on the file, so that the next run replaces the part of a killed process. A link in its
    # place must not decide where the content goes.
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as opened:
            yield opened
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
