"""The driver of a batch run: it sends the photos to Ray's workers, and their results to the manifest."""

import warnings
from collections.abc import Iterator

import pyarrow as pa
import ray
import ray.data
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from commands.batch.cluster import cluster
from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.summary import Outcome
from commands.batch.worker import Worker, record
from core.errors import SegmenterError
from core.runtime.cpu import usable_cores

# Photos per task: they are repeated if the worker dies.
TASK_SIZE = 32
# Paths per object of Ray's object store.
PATHS = 10_000
# Retries of a task whose worker died, before its photos are assumed to be the cause.
RETRIES = 3


def run(job: Job, photos: pa.Table, manifest: Manifest, address: str | None, workers: int | None) -> Iterator[Outcome]:
    """Segment `photos`, a table of paths, on the Ray cluster at `address`; yield the outcome of each task.

    Without an address, Ray runs on this machine until the photos are done. The default of `workers` is as many as the
    CPUs allow. Raises SegmenterError if the cluster can't be reached or no worker can start.
    """
    # Ray Data itself needs one CPU in addition to those of the workers.
    local_cpus = (workers or max(1, usable_cores() // job.threads)) * job.threads + 1
    try:
        with cluster(address, local_cpus):
            cpus = int(ray.cluster_resources().get("CPU", 0)) - 1
            for rows in _results(job, photos, workers or max(1, cpus // job.threads)):
                yield record(rows, manifest)
    except RayError as error:
        raise SegmenterError(f"Ray: {str(error).strip().splitlines()[-1]}") from error


def _results(job: Job, photos: pa.Table, workers: int) -> Iterator[pa.Table]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A photo that kills its worker at each retry must not end the run for the others.
    context.max_errored_blocks = -1
    # Ray Data deprecates max_task_retries, but has no other option yet that bounds the retries of an actor.
    warnings.simplefilter("ignore", RayDeprecationWarning)
    paths = [ray.put(photos.slice(at, PATHS).combine_chunks()) for at in range(0, len(photos), PATHS)]
    results = (
        ray.data.from_arrow_refs(paths)
        .repartition(target_num_rows_per_block=TASK_SIZE)
        .map_batches(
            Worker,
            fn_constructor_kwargs={"job": job},
            batch_format="pyarrow",
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=job.threads,
            max_task_retries=RETRIES,
        )
    )
    # Without prefetching, a finished task reaches the manifest as early as possible.
    yield from results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
