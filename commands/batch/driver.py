"""The driver of a batch run: it sends the photos to Ray's workers, and their results to the manifest."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import ray
from ray.exceptions import RayError

from commands.batch.cluster import cluster
from commands.batch.fleet import Fleet, last_line
from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.summary import Outcome
from commands.batch.worker import RESULT, record
from commands.shared.stop import Stop
from core.errors import SegmenterError
from core.runtime.cpu import usable_cores


@dataclass(frozen=True, slots=True)
class Machines:
    """The Ray cluster at `address`, or this machine without one, and the number of `workers`.

    None is as many as the CPUs allow.
    """

    address: str | None
    workers: int | None


def run(job: Job, photos: pa.Table, manifest: Manifest, machines: Machines, stop: Stop) -> Iterator[Outcome]:
    """Segment `photos`, a table of paths, on `machines`; yield the outcome of photos that were finished together.

    Raises SegmenterError if the cluster can't be reached or no worker can start.
    """
    workers = machines.workers
    local_cpus = (workers or max(1, usable_cores() // job.threads)) * job.threads
    try:
        with cluster(machines.address, local_cpus):
            cpus = int(ray.cluster_resources().get("CPU", 0))
            fleet = Fleet(job, photos["path"], workers or max(1, cpus // job.threads))
            with stop:
                for rows in fleet.rows(stop):
                    yield record(pa.Table.from_pylist(rows, RESULT), manifest)
    except RayError as error:
        raise SegmenterError(f"Ray: {last_line(error)}") from error
