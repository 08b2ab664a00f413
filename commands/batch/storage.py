"""A folder on any file system of fsspec: on this machine, in a bucket, in an archive."""

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from commands.predict import is_photo
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

    def photos(self, without: "Storage") -> Iterator[pa.Array]:
        """Yield, for each subfolder, the paths of its photos; leave out the subfolder `without`."""
        for folder, folders, files in self._fs.walk(self._root, detail=True, on_error="raise"):
            for name, info in list(folders.items()):
                # A symbolic link may lead to a folder that contains it.
                if info.get("islink") or without.is_at(self._fs, f"{folder}/{name}"):
                    del folders[name]
            found = sorted(self._below(f"{folder}/{name}") for name in files if is_photo(name))
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
        folder, name = whole.rsplit("/", 1)
        if folder not in self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        if self._local:
            # The name depends only on the file, so that the next run overwrites the part of a killed process.
            part = f"{folder}/.{name}.part"
            with open(part, "wb") as file:
                file.write(content)
            os.replace(part, whole)
        else:
            self._fs.pipe_file(whole, content)

    def is_at(self, fs: Any, path: str) -> bool:
        """Return whether this is the folder at `path` of the file system `fs`."""
        return type(fs) is type(self._fs) and path == self._root

    def _path(self, path: str) -> str:
        return f"{self._root}/{path}" if self._root else path

    def _below(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/")
