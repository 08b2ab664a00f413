"""The file system and the root of a path or a URL."""

import os
from typing import Any

from fsspec import available_protocols
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from core.errors import SegmenterError


def is_local(url: str) -> bool:
    """Return whether `url` is a path of this machine, or its file:// URL: "::" can be a part of it."""
    scheme, separator, _ = url.partition("::")[0].partition("://")
    if separator:
        return scheme in LocalFileSystem.protocol
    return os.path.exists(url) or "::" not in url or url.partition("::")[0] not in available_protocols()


def file_system(url: str) -> tuple[Any, str, str]:
    """Return the file system of `url`, the root in it, and an absolute URL, valid in other processes too.

    Raises SegmenterError for an unknown kind of URL, or if its package is not installed.
    """
    try:
        if is_local(url):
            local = LocalFileSystem()
            root = local._strip_protocol(url)
            return local, str(root), str(local.unstrip_protocol(root))
        *around, innermost = url.split("::")
        fs, root = url_to_fs(innermost)
        absolute = "::".join([*around, fs.unstrip_protocol(root)])
        # A cache of listings would keep every photo of the archive in memory.
        fs, root = url_to_fs(absolute, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise SegmenterError(f"{url} can't be opened: {error}") from error
    return fs, root, absolute
