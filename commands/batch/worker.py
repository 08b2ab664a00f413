"""A worker of `batch`: one model in a process of its own."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from core.output.encode import BODIES
from app import create_model
from commands.batch.job import Job
from commands.batch.manifest import SCHEMA
from commands.batch.storage import Place
from commands.predict import ending_of
from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.output.segmentation import Segmentation

# Why a photo could not be settled, through no fault of its own: no row for the manifest, and the next run tries again.
LOST = "lost"
RESULT = SCHEMA.append(pa.field(LOST, pa.string()))


class Worker:
    """Segments tables of paths, each by several threads, so that some photos are read and written meanwhile."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.source, self.target = Place(job.source), Place(job.target)
        self._model = create_model(job.model_settings())
        self._model.loading.result()
        self._threads = ThreadPoolExecutor(job.calls)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return a row of RESULT for each photo in the column path."""
        rows = self._threads.map(self._settle, photos["path"].to_pylist())
        return pa.Table.from_pylist(list(rows), RESULT)

    def _settle(self, path: str) -> dict[str, Any]:
        try:
            found = self._model.segment(self._read(path), self._represent, original=self.job.original)
            body = found.pop("body")
            if body is not None:
                found["mask"] = f"{self.job.output}/{path}.{ending_of(self.job.output)}"
                self.target.write(found["mask"], body)
        except (InvalidImage, UnsupportedImage, ImageTooLarge) as error:
            return {"path": path, "error": str(error)}
        except Exception as error:
            # A network that fails, a disk that is full: whatever it is, it must not end a run over millions of photos.
            return {"path": path, LOST: f"{type(error).__name__}: {error}"}
        return {"path": path} | found

    def _read(self, path: str) -> bytes:
        """Return the photo's bytes. Raises ImageTooLarge for more than the service takes, having read no more."""
        megabytes = self.job.settings.max_upload_mb
        with self.source.open(path) as file:
            data: bytes = file.read(megabytes * 1_000_000 + 1)
        if len(data) > megabytes * 1_000_000:
            raise ImageTooLarge(
                f"the file is larger than {megabytes} MB, the limit (MAX_UPLOAD_MB); save a smaller image"
            )
        return data

    def _represent(self, segmentation: Segmentation) -> dict[str, Any]:
        job = self.job
        if job.classes:
            segmentation = segmentation.only(job.classes)
        pixels = np.bincount(segmentation.seg_map.ravel(), minlength=1)
        classes = [int(class_) for class_ in np.argsort(-pixels, kind="stable") if class_ and pixels[class_]]
        return {
            "size": segmentation.image_size,
            "objects": [segmentation.labels[class_] for class_ in classes],
            "areas": [int(pixels[class_]) for class_ in classes],
            "body": None if job.output == "none" else BODIES[job.output](segmentation).content,
        }
