"""A worker of `batch`: one model in its own process."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa

from commands.batch.job import Job
from commands.batch.manifest import SCHEMA
from commands.batch.storage import Storage
from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from core.output.encode import ENCODERS, Encoded, file_suffix
from segmenter import create_model

# The column of a transient error, such as a failed network: the manifest gets no row, and the next run tries again.
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
        rows = self._threads.map(self._process, photos["path"].to_pylist())
        return pa.Table.from_pylist(list(rows), RESULT)

    def _process(self, path: str) -> dict[str, Any]:
        job = self.job
        try:
            data = self._read(path)
            encoded = self._model.segment(data, ENCODERS.get(job.output), job.options)
            mask = None
            if encoded.content:
                mask = f"{job.output}/{path}.{file_suffix(job.output)}"
                self.target.write(mask, encoded.content)
        except (InvalidImage, UnsupportedImage, ImageTooLarge) as error:
            return {"path": path, "error": str(error)}
        except Exception as error:
            # A failed network, a full disk: no error of one photo may end a run over millions.
            return {"path": path, TRANSIENT_ERROR: f"{type(error).__name__}: {error}"}
        return {"path": path, "mask": mask} | self._summary(encoded)

    def _read(self, path: str) -> bytes:
        """Return the bytes of the photo. Raises ImageTooLarge above MAX_UPLOAD_MB, without reading further."""
        limit = self.job.settings.max_upload_bytes
        with self.source.open(path) as file:
            data: bytes = file.read(limit + 1)
        if len(data) > limit:
            raise ImageTooLarge(
                f"the file is larger than {limit / 1e6:g} MB, the limit (MAX_UPLOAD_MB); save a smaller image"
            )
        return data

    def _summary(self, encoded: Encoded) -> dict[str, Any]:
        """Return the columns size, objects and areas: the classes in the photo, largest first, without background."""
        pixels = np.bincount(encoded.seg_map.ravel(), minlength=1)
        classes = [int(class_) for class_ in np.argsort(-pixels, kind="stable") if class_ and pixels[class_]]
        return {
            "size": encoded.image_size,
            "objects": [self._model.labels[class_] for class_ in classes],
            "areas": [int(pixels[class_]) for class_ in classes],
        }
