"""A folder on any file system of fsspec: on this machine, in a bucket, in an archive."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.implementations.local import LocalFileSystem

from commands.batch.location import file_system
from commands.shared.again import Version
from commands.shared.errors import reason
from commands.shared.files import check_inside, check_name, complete, make_folder, why_not_writable
from commands.shared.names import check_path, ignores_case
from commands.shared.photos import LeftOut, reason_of, why_left_out
from core.errors import SegmenterError


class Storage:
    """The folder at `url`, a path or a URL of fsspec: s3://bucket/photos, zip::file:///photos.zip.

    Paths in it are relative. Raises SegmenterError for an unknown kind of URL, or if its package is not installed. All
    methods raise the exceptions of the file system, and SegmenterError for a path that leads elsewhere.
    """

    def __init__(self, url: str) -> None:
        self._fs, root, self.url = file_system(url)
        self._local = isinstance(self._fs, LocalFileSystem)
        self._root: str = root.rstrip("/") or root
        self._below_root = f"{root.rstrip('/')}/" if root else ""
        self._made: set[str] = set()

    @property
    def folder(self) -> Path | None:
        """The folder, if it is on this machine."""
        return Path(self._root) if self._local else None

    def is_folder(self) -> bool:
        """Return whether the folder exists. Raises SegmenterError if its file system does not tell."""
        try:
            return bool(self._fs.isdir(self._root))
        except Exception as error:  # each client of a bucket has exceptions of its own, as for missing credentials
            raise SegmenterError(f"{self.url} can't be read: {reason(error)}") from error

    def ignores_case(self) -> bool:
        """Return whether the file system is known to ignore the case of names."""
        return self._local and ignores_case(Path(self._root))

    def why_not_writable(self, made: list[Path], subfolder: str) -> str:
        """Add the folder to `made` if it is new here; return why it or its `subfolder` can't be written."""
        if not (root := self.folder):
            return ""
        try:
            check_inside(root / subfolder, root)
        except OSError as error:
            return str(error)
        return why_not_writable(root, made)

    def photos(self, without: "Storage", left_out: LeftOut) -> Iterator[pa.Array]:
        """Yield the paths of the photos in each subfolder except `without`.

        Add the others, and subfolders that can't be read, to `left_out`. First bytes count only on this machine:
        elsewhere, reading them costs a request for each file.
        """
        for files in self._folders(without, left_out):
            found = sorted(filter(None, (self._photo(path, left_out) for path in files)))
            if found:
                yield pa.array(found, pa.large_string())

    def _folders(self, without: "Storage", left_out: LeftOut) -> Iterator[list[str]]:
        """Yield the full paths of the files in each subfolder except `without`; those in an archive are one list."""
        if isinstance(self._fs, AbstractArchiveFileSystem):
            self._fs.info(self._root)
            # ls() leaves out absolute names and names with empty parts. fsspec does not document this attribute.
            entries = [info["name"] for info in self._fs.dir_cache.values() if info["type"] != "directory"]
            yield [name for name in entries if name.startswith(self._below_root)]
            return
        # fsspec's walk() does not report the errors of subfolders.
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            try:
                if folder != self._root:
                    check_path(self._below(folder))
                listing = self._fs.ls(folder, detail=True)
            except SegmenterError as error:
                left_out.errors.append(f"{error}; the photos in it are left out")
                continue
            except OSError as error:
                if folder == self._root:
                    raise
                left_out.add_error(self._below(folder), error)
                continue
            files = []
            for info in listing:
                path = info["name"].rstrip("/")
                if info["type"] != "directory":
                    files.append(path)
                elif path != folder and not without.is_at(self._fs, path):
                    waiting.append(path)
            yield files

    def files(self, folder: str, suffix: str) -> list[str]:
        """Return the paths of the files in `folder` whose names end with `suffix`, without hidden ones."""
        try:
            names = [self._below(name) for name in self._fs.ls(self._path(folder), detail=False)]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if name.endswith(suffix) and "/." not in name)

    def version(self, path: str) -> Version | None:
        """Return the version of the file at `path`; None if there is none."""
        try:
            info = self._fs.info(self._path(path))
        except FileNotFoundError:
            return None
        modified = Path(self._path(path)).stat().st_mtime_ns if self._local else None
        return Version(info["size"] or 0, modified)

    def check_name(self, path: str) -> None:
        """Raise OSError if a file on this machine can't have the name `path`."""
        if self._local:
            check_name(Path(self._path(path)))

    def delete(self, path: str) -> None:
        """Delete the file at `path`."""
        self._fs.rm_file(self._path(path))

    def open(self, path: str) -> Any:
        """Open the file at `path` for reading bytes."""
        return self._fs.open(self._path(path), "rb")

    def write(self, path: str, content: bytes) -> None:
        """Write a file and create its folders. On a local file system the file appears complete or not at all."""
        if self._local:
            with self.create(path) as file:
                file.write(content)
        else:
            self._fs.pipe_file(self._place(path), content)

    def write_new(self, path: str, content: bytes) -> bool:
        """Write a file to a bucket, unless there is one; return whether there was none.

        Of two clients that write at the same time, object stores refuse one; other file systems may not.
        """
        with suppress(FileExistsError):
            if not self.version(path):
                self._fs.pipe_file(self._place(path), content, mode="create")
                return True
        return False

    @contextmanager
    def create(self, path: str) -> Iterator[Any]:
        """Open a new file, which replaces one at `path` when the block ends, for writing bytes in pieces."""
        whole = self._place(path)
        with complete(Path(whole)) if self._local else self._fs.open(whole, "wb") as file:
            yield file

    def is_at(self, fs: Any, path: str) -> bool:
        """Return whether this is the folder at `path` of the file system `fs`."""
        return type(fs) is type(self._fs) and path == self._root

    def _photo(self, whole: str, left_out: LeftOut) -> str:
        """Return the path of a file of this folder, if it is a photo; else add it to `left_out` and return ""."""
        path, name = self._below(whole), whole.rpartition("/")[2]
        try:
            path.encode()
            if why := reason_of(Path(whole)) if self._local else why_left_out(name, lambda: b""):
                left_out.add(path, why)
                return ""
            check_path(path)
        except UnicodeEncodeError:
            left_out.errors.append(f"{path}: the name is not UTF-8, which the manifest can't hold; rename the file")
            return ""
        except SegmenterError as error:
            left_out.errors.append(str(error))
            return ""
        return path

    def _place(self, path: str) -> str:
        """Create the folders of a file that is to be written, and return its full path."""
        whole = self._path(path)
        folder = whole.rpartition("/")[0]
        if folder not in self._made:
            if self._local:
                check_inside(Path(folder), Path(self._root))
                make_folder(Path(folder))
            else:
                self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        return whole

    def _path(self, path: str) -> str:
        check_path(path)
        return self._below_root + path

    def _below(self, path: str) -> str:
        return path.removeprefix(self._below_root)
