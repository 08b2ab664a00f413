"""A batch run in this process, which writes the same rows as one with Ray."""

from collections.abc import Iterator

import pyarrow as pa

from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.summary import Outcome
from commands.batch.worker import RESULT, Worker, record
from commands.shared.stop import Stop

# Paths that are Python strings at a time.
PIECE = 10_000


def run(job: Job, photos: pa.Table, manifest: Manifest, stop: Stop) -> Iterator[Outcome]:
    """Segment `photos`, a table of paths; yield the outcome of those that were finished together.

    Raises SegmenterError without a model, and Stopped if a signal to `stop` comes while it loads.
    """
    worker = Worker(job, stop.result)
    try:
        for at in range(0, len(photos), PIECE):
            for rows in worker.finished(photos["path"].slice(at, PIECE).to_pylist(), stop):
                if rows:
                    yield record(pa.Table.from_pylist(rows, RESULT), manifest)
            if stop.is_set():
                return
    finally:
        worker.close(wait=not stop.is_set())
