"""Small servers in threads, in place of CVAT, which needs databases and more than a container, and of file servers."""

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
from PIL import Image
from werkzeug.serving import make_server

TIME = "2026-01-01T00:00:00Z"


@contextmanager
def serving(app: flask.Flask) -> Iterator[str]:
    """Serve `app`, and yield its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class CvatTask:
    """The part of CVAT's API that cvat-cli needs for a task with the photos `frames` and the labels `labels`.

    `uploaded` is what cvat-cli has sent as annotations.
    """

    def __init__(self, frames: list[Path], labels: dict[int, str], label_type: str = "any") -> None:
        self.frames = frames
        self.labels = labels
        self.label_type = label_type
        self.uploaded: list[dict[str, Any]] = []
        self.app = flask.Flask(__name__)
        self.app.get("/api/server/about")(self._about)
        self.app.get("/api/tasks/1")(self._task)
        self.app.get("/api/labels")(self._labels)
        self.app.get("/api/tasks/1/data/meta")(self._meta)
        self.app.get("/api/tasks/1/data/")(self._chunk)
        self.app.patch("/api/tasks/1/annotations/")(self._annotate)
        self.app.url_map.strict_slashes = False

    def _about(self) -> dict[str, Any]:
        return {"name": "CVAT", "description": "", "version": "2.80.0", "logo_url": "", "subtitle": ""}

    def _task(self) -> dict[str, Any]:
        return {
            "id": 1,
            "name": "photos",
            "size": len(self.frames),
            "data_chunk_size": len(self.frames),
            "data_original_chunk_type": "imageset",
            "data_compressed_chunk_type": "imageset",
            "updated_date": TIME,
            "created_date": TIME,
            "jobs": {"url": "", "count": 1, "completed": 0, "validation": 0},
            "labels": {"url": ""},
            "organization": None,
            "source_storage": None,
            "target_storage": None,
        }

    def _labels(self) -> dict[str, Any]:
        labels = [
            {"id": id_, "name": name, "type": self.label_type, "attributes": [], "sublabels": [], "color": "#000000"}
            for id_, name in self.labels.items()
        ]
        return {"count": len(labels), "next": None, "previous": None, "results": labels}

    def _meta(self) -> dict[str, Any]:
        frames = []
        for path in self.frames:
            with Image.open(path) as photo:
                frames.append({"name": path.name, "width": photo.width, "height": photo.height, "related_files": 0})
        return {
            "chunks_updated_date": TIME,
            "image_quality": 70,
            "start_frame": 0,
            "stop_frame": len(frames) - 1,
            "frames": frames,
            "deleted_frames": [],
            "chunk_size": len(frames),
            "size": len(frames),
            "included_frames": None,
            "has_related_context": False,
        }

    def _chunk(self) -> flask.Response:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as chunk:
            for number, path in enumerate(self.frames):
                chunk.write(path, f"{number:06d}.jpeg")
        return flask.Response(file.getvalue(), mimetype="application/zip")

    def _annotate(self) -> dict[str, Any]:
        body = flask.request.get_json()
        self.uploaded += body["shapes"]
        return {"version": 1, "tags": [], "shapes": [], "tracks": []}
