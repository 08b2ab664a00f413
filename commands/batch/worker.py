"""A worker of `batch`: one model in its own process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commands.batch import coco
from commands.batch.job import Job
from commands.batch.manifest import SCHEMA, Manifest
from commands.batch.storage import Storage
from commands.batch.summary import Outcome
from commands.shared.names import result_name
from commands.shared.photos import read_limited
from commands.shared.results import encoder
from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.output.encode import Encoded
from segmenter import create_model

# The column of a transient error, such as a failed network: the manifest gets no row, and the next run tries the photo
# again.
TRANSIENT_ERROR = "transient_error"
RESULT = SCHEMA.append(pa.field(TRANSIENT_ERROR, pa.string()))


class Worker:
    """Segments tables of paths in several threads, so that photos are read and written while others are computed."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.source, self.target = Storage(job.source), Storage(job.target)
        self._model = create_model(job.model_settings())
        self._model.loading.result()
        self._threads = ThreadPoolExecutor(job.calls)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return a row of RESULT for each photo in the column path."""
        return pa.Table.from_pylist(list(self.rows(photos)), RESULT)

    def rows(self, photos: pa.Table) -> Iterator[dict[str, Any]]:
        """Yield the columns of RESULT that have a value, for each photo in the column path, in order."""
        return self._threads.map(self._process, photos["path"].to_pylist())

    def close(self) -> None:
        """Wait for the photos that are being processed, and drop the others."""
        self._threads.shutdown(cancel_futures=True)

    def _process(self, path: str) -> dict[str, Any]:
        job = self.job
        try:
            with self.source.open(path) as file:
                data = read_limited(file, job.settings.max_upload_bytes)
            encoded = self._model.segment(data, encoder(job.output, dict(job.details)), job.options)
            mask = annotations = None
            if job.output == "coco":
                annotations = coco.without_ids(encoded.content)
            elif encoded.content:
                mask = result_name(path, job.output)
                self.target.write(mask, encoded.content)
        except (InvalidImage, UnsupportedImage, ImageTooLarge) as error:
            return {"path": path, "error": str(error)}
        except Exception as error:
            # A failed network, a full disk: no error of one photo may end a run over millions.
            return {"path": path, TRANSIENT_ERROR: f"{type(error).__name__}: {error}"}
        return {"path": path, "mask": mask, "annotations": annotations} | self._summary(encoded)

    def _summary(self, encoded: Encoded) -> dict[str, Any]:
        """Return the columns size, objects and areas: the classes in the photo, largest first, without background."""
        pixels = np.bincount(encoded.seg_map.ravel(), minlength=1)
        classes = [int(class_) for class_ in np.argsort(-pixels, kind="stable") if class_ and pixels[class_]]
        return {
            "size": encoded.image_size,
            "objects": [self._model.labels[class_] for class_ in classes],
            "areas": [int(pixels[class_]) for class_ in classes],
        }


def record(rows: pa.Table, manifest: Manifest) -> Outcome:
    """Add the finished `rows`, of RESULT, to `manifest`; return the outcome of all of them."""
    finished = rows.filter(pc.is_null(rows[TRANSIENT_ERROR])).select(SCHEMA.names)
    manifest.add(finished)
    done = finished["error"].null_count
    broken, failed = (
        [f"{row['path']}: {row[column]}" for row in rows.filter(pc.is_valid(rows[column])).to_pylist()]
        for column in ("error", TRANSIENT_ERROR)
    )
    return Outcome(done, broken, failed)
