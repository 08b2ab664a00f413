"""A model's files, out of an archive that is not trusted: nothing is extracted by its own path, sizes are capped."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path
from typing import Any

from core.errors import ModelError

# The name of the graph in the archives of TensorFlow's DeepLab model zoo, and of the classes' names in one's own.
GRAPH, LABELS = "frozen_inference_graph.pb", "labels.txt"
# A serialized GraphDef can't be larger: protobuf's limit. An archive holds the checkpoint too.
MAX_GRAPH, MAX_UNPACKED = 2**31, 2**32
GZIP, USTAR, USTAR_AT = b"\x1f\x8b", b"ustar", 257


def read_model_file(path: Path, name: str) -> bytes | None:
    """Return the file `name` of the model in `path`, an archive (.tar.gz or .tar) or the frozen graph itself.

    None where there is no such file; the graph itself counts as GRAPH. Raises ModelError where it can't be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(USTAR_AT + len(USTAR))
            file.seek(0)
            if head.startswith(GZIP):
                with gzip.open(file) as unpacked:
                    return _member(unpacked, name, path)
            if head[USTAR_AT:] == USTAR:
                return _member(file, name, path)
            if name != GRAPH:
                return None
            if path.stat().st_size > MAX_GRAPH:
                raise ModelError(f"{path} is larger than a graph can be: {MAX_GRAPH:,} bytes")
            return file.read()
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelError(f"the archive {path} is damaged: {error or 'it ends too early'}") from error
    except OSError as error:
        raise ModelError(f"the model's graph {path} can't be read: {error.strerror or error}") from error


def read_graph_file(path: Path) -> bytes:
    """Return the frozen graph in `path`, by itself or in an archive. Raises ModelError where there is none."""
    content = read_model_file(path, GRAPH)
    if content is None:
        raise ModelError(f"there is no {GRAPH} in the archive {path}")
    return content


class _Capped(io.RawIOBase):
    """Hands on what `file` holds, but no more than MAX_UNPACKED bytes."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self._path, self._left = file, path, MAX_UNPACKED

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ModelError(f"the archive {self._path} unpacks to more than {MAX_UNPACKED:,} bytes")
        return data


def _member(file: Any, name: str, path: Path) -> bytes | None:
    """Return the first regular file called `name` in the tar stream `file`, in whatever folder."""
    with tarfile.open(fileobj=_Capped(file, path), mode="r|") as archive:
        for member in archive:
            if member.isreg() and Path(member.name).name == name:
                if member.size > MAX_GRAPH:
                    raise ModelError(f"{member.name} in {path} is larger than a graph can be: {MAX_GRAPH:,} bytes")
                content = archive.extractfile(member)
                return content.read() if content else None
    return None
