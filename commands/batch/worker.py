"""A worker of `batch`: one model in its own process."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commands.batch import coco
from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.parts import SCHEMA
from commands.batch.storage import Storage
from commands.batch.summary import Outcome
from commands.shared.again import Version, error_with
from commands.shared.errors import PHOTO_ERRORS, reason
from commands.shared.names import result_name
from commands.shared.photos import read_limited
from commands.shared.results import encoder
from commands.shared.stop import LOOK, Stop
from core.output.encode import Encoded
from segmenter import create_model

# The column of a transient error, such as a failed network: the manifest gets no row, and the next run tries the photo
# again.
TRANSIENT_ERROR = "transient_error"
RESULT = SCHEMA.append(pa.field(TRANSIENT_ERROR, pa.string()))


class Worker:
    """Segments tables of paths in several threads, so that photos are read and written while others are computed."""

    def __init__(self, job: Job, result: Callable[[Future[Any]], Any] = Future.result) -> None:
        """Load the model; `result` waits for it."""
        self.job = job
        self.source, self.target = Storage(job.source), Storage(job.target)
        self._model = create_model(job.model_settings())
        result(self._model.loading)
        self._threads = ThreadPoolExecutor(job.calls)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return a row of RESULT for each photo in the column path."""
        paths = photos["path"].to_pylist()
        return pa.Table.from_pylist(list(self._threads.map(self._process, paths)), RESULT)

    def finished(self, paths: Sequence[str], stop: Stop) -> Iterator[list[dict[str, Any]]]:
        """Yield the columns of RESULT that have a value, of the photos `paths`, as soon as they are finished.

        If none is finished for a moment, yield an empty list. After a signal to `stop`, no photo is begun, and only
        those are waited for that are finished in time.
        """
        left, running = iter(paths), set[Future[dict[str, Any]]]()
        while True:
            # Twice as many as the threads take at a time, so that none of them waits for this one.
            more = 0 if stop.is_set() else 2 * self.job.calls - len(running)
            running |= {self._threads.submit(self._process, path, stop.wants) for path in islice(left, more)}
            if stop.is_set():
                running = {future for future in running if not future.cancel()}
            done, running = wait(running, LOOK, FIRST_COMPLETED)
            rows = [future.result() for future in done]
            # A photo that a signal has ended, or whose decoder got it too, is left to the next run.
            yield [row for row in rows if not (stop.is_set() and row.get(TRANSIENT_ERROR))]
            if not stop.wants() or (not running and (stop.is_set() or not done)):
                return

    def close(self, *, wait: bool = True) -> None:
        """Drop the photos that are not begun, and wait for the others."""
        self._threads.shutdown(wait=wait, cancel_futures=True)

    def _process(self, path: str, wants: Callable[[], bool] = lambda: True) -> dict[str, Any]:
        job = self.job
        row: dict[str, Any] = {"path": path}
        try:
            mask = "" if job.output in {"coco", "none"} else result_name(path, job.output)
            if mask:
                self.target.check_name(mask)
            row |= _columns("photo", self.source.version(path))
            with self.source.open(path) as file:
                data = read_limited(file, job.settings.max_upload_bytes)
            encode = encoder(job.output, dict(job.details))
            encoded = self._model.segment(data, encode, job.options, is_connected=wants)
            if job.output == "coco":
                row["annotations"] = coco.without_ids(encoded.content)
            elif mask:
                self.target.write(mask, encoded.content)
                row |= {"mask": mask} | _columns("mask", self.target.version(mask))
        except PHOTO_ERRORS as error:
            return row | {"error": str(error), "error_with": error_with(error, job.settings)}
        except Exception as error:
            # A failed network, a full disk: no error of one photo may end a run over millions.
            return {"path": path, TRANSIENT_ERROR: reason(error)}
        return row | self._summary(encoded)

    def _summary(self, encoded: Encoded) -> dict[str, Any]:
        """Return the columns size, objects and areas: the classes in the photo, largest first, without background."""
        pixels = np.bincount(encoded.seg_map.ravel(), minlength=1)
        classes = [int(class_) for class_ in np.argsort(-pixels, kind="stable") if class_ and pixels[class_]]
        return {
            "size": encoded.width_height,
            "objects": [self._model.labels[class_] for class_ in classes],
            "areas": [int(pixels[class_]) for class_ in classes],
        }


def _columns(of: str, version: Version | None) -> dict[str, int | None]:
    """Return the columns of the manifest with the version of a file."""
    return {f"{of}_bytes": version.size, f"{of}_time": version.modified} if version else {}


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
