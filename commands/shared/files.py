"""Files of results: complete and on the disk, or not there at all, and only inside their folder."""

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

# Errors of storage that does not have an operation: network and user-space file systems have not all of them.
UNSUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK}
# Bytes of the name of a file that Linux file systems allow, without those around the name of a part.
MAX_NAME = 255 - len("..part")


def make_folder(folder: Path) -> list[Path]:
    """Create `folder`, and return the folders that were missing. Each is on the disk then. Raises OSError."""
    made = []
    for parent in [*reversed(folder.parents), folder]:
        if not os.path.isdir(parent):
            with suppress(FileExistsError):  # another thread or process was faster
                parent.mkdir()
                made.append(parent)
            sync_folder(parent.parent)
    return made


def why_not_writable(folder: Path, made: list[Path]) -> str:
    """Create `folder`; return why files can't be written to it, "" if they can. Add the created folders to `made`."""
    try:
        made += make_folder(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_inside(folder: Path, root: Path) -> None:
    """Raise OSError if a symbolic link below `root` leads to a `folder` outside of it; `folder` need not exist yet."""
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root)):
        raise OSError(errno.ELOOP, f"a link leads out of {root}; remove the link, or write to its target", str(folder))


def check_name(file: Path) -> None:
    """Raise OSError if no file can have the name `file`, whose folders need not exist yet."""
    existing = next((parent for parent in file.parents if os.path.isdir(parent)), Path())
    for name in file.relative_to(existing).parts:
        try:
            # The file system of the folder knows how long a name can be.
            os.lstat(existing / name)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise OSError(error.errno, "the name is too long for a result; rename the photo") from None


def is_special(file: Path) -> bool:
    """Return whether `file` is a device or a pipe, which can't be replaced."""
    return os.path.exists(file) and not os.path.isfile(file) and not os.path.isdir(file)


def write(file: Path, content: bytes) -> None:
    """Write `content` to `file`, which is on the disk then: complete, or not at all. Raises OSError."""
    if is_special(file):
        file.write_bytes(content)
        return
    with complete(file) as opened:
        opened.write(content)


@contextmanager
def complete(file: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets the name `file` when the block ends without an exception, and is on the disk then.

    Raises OSError.
    """
    # The name depends only on the file, so that the next run replaces the part of a killed process.
    name = os.fsencode(file.name)
    text = file.name if len(name) <= MAX_NAME else hashlib.sha256(name).hexdigest()
    part = file.with_name(f".{text}.part")
    with _new_part(part) as opened:
        try:
            yield opened
            opened.flush()
            sync(opened.fileno())
            os.replace(part, file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_folder(file.parent)


def sync(descriptor: int) -> None:
    """Return when an open file or folder is on the disk, as far as its storage can tell. Raises OSError."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise


def sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk, as far as its storage can tell. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # one can write to a folder, and not read it
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def lock(file: IO[bytes], *, wait: bool) -> bool:
    """Lock an open file until it is closed, or its process ends; return False if another process has locked it.

    With `wait`, wait until it has not. Storage without locks locks nothing. Raises OSError.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    return True


def is_at(file: IO[bytes], path: Path) -> bool:
    """Return whether the open `file` still has the name `path`."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _new_part(part: Path) -> BinaryIO:
    """Create and lock the file `part`, in place of one that no process writes. Raises OSError."""
    while True:
        # Never an existing file: it may be a link, which must not decide where the content goes.
        with suppress(FileExistsError):
            opened = part.open("xb")
            lock(opened, wait=True)
            if is_at(opened, part):
                return opened
            opened.close()
            continue
        with suppress(FileNotFoundError):
            if part.is_symlink():
                part.unlink()
                continue
            with part.open("rb") as left:
                lock(left, wait=True)
                if is_at(left, part):
                    part.unlink()
