"""A batch run in this process, which writes the same rows as one with Ray."""

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa

from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.summary import Outcome
from commands.batch.worker import RESULT, Worker, record

# Number of photos in the queue of the worker's threads.
PIECE = 1000


def run(job: Job, photos: pa.Table, manifest: Manifest) -> Iterator[Outcome]:
    """Segment `photos`, a table of paths; yield the outcome of each. Raises SegmenterError without a model."""
    with closing(Worker(job)) as worker:
        for at in range(0, len(photos), PIECE):
            for row in worker.rows(photos.slice(at, PIECE)):
                yield record(pa.Table.from_pylist([row], RESULT), manifest)
