"""The file annotations.json: all photos of a manifest in COCO's format of instances."""

from typing import Any

import orjson

from commands.batch.manifest import Manifest
from commands.batch.storage import Storage

FILE = "annotations.json"
# A photo has at most one annotation for each class, and class ids are below this number.
MAX_CLASSES = 256


def without_ids(content: bytes) -> str:
    """Return the annotations in `content`, one photo in COCO's format, as JSON without ids."""
    annotations = orjson.loads(content)["annotations"]
    for annotation in annotations:
        del annotation["id"], annotation["image_id"]
    return orjson.dumps(annotations).decode()


def write(manifest: Manifest, target: Storage, labels: tuple[str, ...]) -> None:
    """Write the file FILE with the photos and annotations of all rows of `manifest`.

    The id of a photo is that of its row, which stays the same in later runs. The id of an annotation follows from its
    photo and class.
    """
    with target.create(FILE) as file:
        file.write(b'{"images":[')
        for number, row in enumerate(_photos(manifest)):
            width, height = row["size"]
            image = {"id": row["id"], "file_name": row["path"], "width": width, "height": height}
            file.write((b",\n" if number else b"\n") + orjson.dumps(image))
        file.write(b'],\n"annotations":[')
        separator = b"\n"
        for row in _photos(manifest):
            for annotation in orjson.loads(row["annotations"]):
                ids = {"id": MAX_CLASSES * row["id"] + annotation["category_id"], "image_id": row["id"]}
                file.write(separator + orjson.dumps(ids | annotation))
                separator = b",\n"
        categories = [{"id": class_, "name": name} for class_, name in enumerate(labels) if class_]
        file.write(b'],\n"categories":' + orjson.dumps(categories) + b"}\n")


def _photos(manifest: Manifest) -> Any:
    """Yield the rows of the photos that could be segmented, with their ids."""
    rows = manifest.rows(["id", "path", "size", "annotations"])
    return (row for row in rows if row["annotations"] is not None)
