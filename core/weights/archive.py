"""Reading a model's files from an untrusted archive: nothing is extracted to disk, and sizes are limited."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path
from typing import Any

from core.errors import ModelError

# The name of the graph in the archives of TensorFlow's DeepLab model zoo.
GRAPH_FILE = "frozen_inference_graph.pb"
# The name of the class names in the archive of a custom model.
LABELS_FILE = "labels.txt"
# protobuf's limit for a serialized GraphDef, in bytes.
MAX_GRAPH_BYTES = 2**31
# An archive of the zoo also holds the checkpoint.
MAX_UNPACKED_BYTES = 2**32
GZIP_MAGIC = b"\x1f\x8b"
TAR_MAGIC, TAR_MAGIC_OFFSET = b"ustar", 257


def read_model_file(path: Path, name: str) -> bytes | None:
    """Return the content of the file `name` of the model in `path`, an archive (.tar.gz or .tar) or a frozen graph.

    A frozen graph has one file, GRAPH_FILE. The result is None if the model has no such file. Raises ModelError if
    `path` can't be read, is damaged or too large.
    """
    try:
        with path.open("rb") as file:
            head = file.read(TAR_MAGIC_OFFSET + len(TAR_MAGIC))
            file.seek(0)
            if head.startswith(GZIP_MAGIC):
                with gzip.open(file) as unpacked:
                    return _read_member(unpacked, name, path)
            if head[TAR_MAGIC_OFFSET:] == TAR_MAGIC:
                return _read_member(file, name, path)
            if name != GRAPH_FILE:
                return None
            if path.stat().st_size > MAX_GRAPH_BYTES:
                raise ModelError(f"{path} is larger than a graph can be: {MAX_GRAPH_BYTES:,} bytes")
            return file.read()
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"the archive {path} is damaged: {error or 'it is truncated'}") from error
    except OSError as error:
        raise ModelError(f"the model's graph {path} can't be read: {error.strerror or error}") from error


def read_graph_file(path: Path) -> bytes:
    """Return the frozen graph in `path`, an archive or the graph itself. Raises ModelError if there is none."""
    content = read_model_file(path, GRAPH_FILE)
    if content is None:
        raise ModelError(f"there is no {GRAPH_FILE} in the archive {path}")
    return content


class _LimitedReader(io.RawIOBase):
    """A readable stream of the bytes of `file`. Raises ModelError after MAX_UNPACKED_BYTES."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self._path, self._left = file, path, MAX_UNPACKED_BYTES

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ModelError(f"the archive {self._path} unpacks to more than {MAX_UNPACKED_BYTES:,} bytes")
        return data


def _read_member(file: Any, name: str, path: Path) -> bytes | None:
    """Return the content of the first regular file called `name`, in any folder, in the tar stream `file`."""
    with tarfile.open(fileobj=_LimitedReader(file, path), mode="r|") as archive:
        for member in archive:
            if member.isreg() and Path(member.name).name == name:
                if member.size > MAX_GRAPH_BYTES:
                    raise ModelError(
                        f"{member.name} in {path} is larger than a graph can be: {MAX_GRAPH_BYTES:,} bytes"
                    )
                content = archive.extractfile(member)
                return content.read() if content else None
    return None
