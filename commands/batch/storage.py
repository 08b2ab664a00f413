"""A folder that fsspec opens: on this machine, in a bucket, in an archive."""

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from commands.predict import is_photo
from core.errors import SegmenterError


class Place:
    """The folder at `url`, a path or what fsspec takes: s3://bucket/photos, zip::file:///photos.zip.

    Paths below it are strings with slashes. Raises SegmenterError for a kind of URL that is unknown, or whose package
    is not installed, and everywhere what its file system raises.
    """

    def __init__(self, url: str) -> None:
        *around, innermost = url.split("::")
        try:
            fs, root = url_to_fs(innermost)
            # Absolute, so that other processes understand it too, wherever they run.
            self.url: str = "::".join([*around, fs.unstrip_protocol(root)])
            # A cache of listings would keep every photo of the archive in memory.
            self._fs, root = url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise SegmenterError(f"{url} can't be opened: {error}") from error
        self._local = isinstance(self._fs, LocalFileSystem)
        self._root: str = root.rstrip("/")
        self._made: set[str] = set()

    def is_folder(self) -> bool:
        """Return whether the folder is there."""
        return bool(self._fs.isdir(self._root))

    def photos(self, without: "Place") -> Iterator[pa.Array]:
        """Yield the paths of the photos of one folder after the other, but for those in the place `without`."""
        for folder, folders, files in self._fs.walk(self._root, detail=True, on_error="raise"):
            for name, about in list(folders.items()):
                # A link may lead back to where it is.
                if about.get("islink") or self._is(f"{folder}/{name}", without):
                    del folders[name]
            found = sorted(self._below(f"{folder}/{name}") for name in files if is_photo(name))
            if found:
                yield pa.array(found, pa.large_string())

    def files(self, folder: str, ending: str) -> list[str]:
        """Return the paths of the files in `folder`, none if it is not there, whose names end with `ending`."""
        try:
            names = self._fs.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(self._below(name) for name in names if name.endswith(ending))

    def open(self, path: str) -> Any:
        """Return the file at `path`, opened to read bytes."""
        return self._fs.open(self._path(path), "rb")

    def write(self, path: str, content: bytes) -> None:
        """Write a file and the folders above it; it is there whole or, where the file system can, not at all."""
        whole = self._path(path)
        folder, name = whole.rsplit("/", 1)
        if folder not in self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        if self._local:
            # One name for each file, so that what a killed process has left is overwritten when its work is redone.
            part = f"{folder}/.{name}.part"
            with open(part, "wb") as file:
                file.write(content)
            os.replace(part, whole)
        else:
            self._fs.pipe_file(whole, content)

    def _is(self, path: str, other: "Place") -> bool:
        return type(self._fs) is type(other._fs) and path == other._root

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if self._root else path

    def _below(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")
