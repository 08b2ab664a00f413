"""A local model zoo: an HTTP server of archives that can cut a response off, ignore a range and fail."""

import hashlib
import re
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Zoo:
    """Serves `files` by name, and does what the other fields say."""

    files: dict[str, bytes]
    cut: int = 0  # bytes of a response after which the server closes the connection, ...
    cuts: int = 0  # ... for this many of the next responses
    ranges: bool = True  # whether the server answers a Range with 206
    status: list[int] = field(default_factory=list)  # error statuses of the next responses
    asked: list[str] = field(default_factory=list)  # Range of each request so far
    url: str = ""


@contextmanager
def zoo(**files: bytes) -> Iterator[Zoo]:
    """Run a Zoo on a free port of 127.0.0.1."""
    served = Zoo(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.headers.get("Range", ""))
            content = served.files.get(self.path.removeprefix("/"))
            if served.status:
                self.send_error(served.status.pop(0))
                return
            if content is None:
                self.send_error(404)
                return
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if served.ranges else None
            begin = int(wanted[1]) if wanted else 0
            if wanted and begin >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(content) - begin))
            if wanted:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            rest = content[begin:]
            if served.cuts:
                served.cuts -= 1
                rest = rest[: served.cut]
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def archive_of(graph: Path, folder: Path, labels: bytes = b"") -> Path:
    """Write an archive of `graph` and `labels`, if there are any, in the layout of DeepLab's zoo; return its path."""
    (folder / "labels.txt").write_bytes(labels)
    path = folder / "archive.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(graph, "deeplabv3/frozen_inference_graph.pb")
        if labels:
            tar.add(folder / "labels.txt", "deeplabv3/labels.txt")
    return path


def sha512_of(path: Path) -> str:
    """Return the SHA-512 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()
