"""A batch run in this process: no start of Ray, and the same rows."""

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa

from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.summary import Outcome
from commands.batch.worker import RESULT, Worker, record

# Photos that are handed to the threads of the worker at a time.
PIECE = 1000


def run(job: Job, photos: pa.Table, manifest: Manifest) -> Iterator[Outcome]:
    """Segment `photos`, a table of paths; yield the outcome of each. Raises SegmenterError without a model."""
    with closing(Worker(job)) as worker:
        for at in range(0, len(photos), PIECE):
            for row in worker.rows(photos.slice(at, PIECE)):
                yield record(pa.Table.from_pylist([row], RESULT), manifest)
