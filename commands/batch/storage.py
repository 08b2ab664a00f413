"""A folder on any file system of fsspec: on this machine, in a bucket, in an archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from commands.files import complete, ignores_case, why_not_writable
from commands.photos import LeftOut, reason_of, why_left_out
from core.errors import SegmenterError


class Storage:
    """The folder at `url`, a path or a URL of fsspec: s3://bucket/photos, zip::file:///photos.zip.

    Paths in it are relative, with slashes. Raises SegmenterError for an unknown kind of URL, or if its package is not
    installed. All methods raise the exceptions of the file system.
    """

    def __init__(self, url: str) -> None:
        *around, innermost = url.split("::")
        try:
            fs, root = url_to_fs(innermost)
            # An absolute URL is valid in other processes too, whatever their current folder.
            self.url: str = "::".join([*around, fs.unstrip_protocol(root)])
            # A cache of listings would keep every photo of the archive in memory.
            self._fs, root = url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise SegmenterError(f"{url} can't be opened: {error}") from error
        self._local = isinstance(self._fs, LocalFileSystem)
        self._root: str = root.rstrip("/")
        self._made: set[str] = set()

    def is_folder(self) -> bool:
        """Return whether the folder exists."""
        return bool(self._fs.isdir(self._root))

    def ignores_case(self) -> bool:
        """Return whether the file system is known to ignore the case of names."""
        return self._local and ignores_case(Path(self._root))

    def why_not_writable(self, made: list[Path]) -> str:
        """Create the folder, if it is on this machine; return why it can't be written. Add new folders to `made`."""
        return why_not_writable(Path(self._root), made) if self._local else ""

    def photos(self, without: "Storage", left_out: LeftOut) -> Iterator[pa.Array]:
        """Yield, for each subfolder, the paths of its photos; leave out the subfolder `without`.

        Other files, and subfolders that can't be read, are added to `left_out`. Only files on this machine are photos
        by their first bytes: elsewhere, reading them costs a request each.
        """
        self._fs.ls(self._root, detail=False)  # raises OSError
        for folder, folders, files in self._fs.walk(self._root, detail=True, on_error=left_out.add_error):
            for name, info in list(folders.items()):
                # A symbolic link may lead to a folder that contains it.
                if info.get("islink"):
                    left_out.add(self._below(f"{folder}/{name}"), "links to folders")
                    del folders[name]
                elif without.is_at(self._fs, f"{folder}/{name}"):
                    del folders[name]
            found = sorted(path for name in files if (path := self._photo(f"{folder}/{name}", name, left_out)))
            if found:
                yield pa.array(found, pa.large_string())

    def files(self, folder: str, suffix: str) -> list[str]:
        """Return the paths of the files in `folder` whose names end with `suffix`; none if the folder is missing."""
        try:
            names = self._fs.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(self._below(name) for name in names if name.endswith(suffix))

    def open(self, path: str) -> Any:
        """Open the file at `path` for reading bytes."""
        return self._fs.open(self._path(path), "rb")

    def write(self, path: str, content: bytes) -> None:
        """Write a file and create its folders. On a local file system the file appears complete or not at all."""
        whole = self._path(path)
        folder = whole.rpartition("/")[0]
        if folder not in self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        if self._local:
            with complete(Path(whole)) as file:
                file.write(content)
        else:
            self._fs.pipe_file(whole, content)

    @contextmanager
    def create(self, path: str) -> Iterator[Any]:
        """Open a new file, which replaces one at `path` when the block ends, for writing bytes in pieces."""
        whole = self._path(path)
        if self._local:
            with complete(Path(whole)) as file:
                yield file
        else:
            with self._fs.open(whole, "wb") as file:
                yield file

    def is_at(self, fs: Any, path: str) -> bool:
        """Return whether this is the folder at `path` of the file system `fs`."""
        return type(fs) is type(self._fs) and path == self._root

    def _photo(self, whole: str, name: str, left_out: LeftOut) -> str:
        """Return the path of a file of this folder, if it is a photo; else add it to `left_out` and return ""."""
        path = self._below(whole)
        try:
            name.encode()
        except UnicodeEncodeError:
            left_out.errors.append(f"{path}: the name is not UTF-8, which the manifest can't hold; rename the file")
            return ""
        reason = reason_of(Path(whole)) if self._local else why_left_out(name, lambda: b"")
        if reason:
            left_out.add(path, reason)
        return "" if reason else path

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if self._root else path

    def _below(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")
