"""An archive's way: from the list of its photos through Ray's workers into the manifest."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
from ray.exceptions import RayError
from ray.util.annotations import RayDeprecationWarning

from commands.batch.cluster import cluster
from commands.batch.job import Job
from commands.batch.manifest import SCHEMA, Manifest
from commands.batch.storage import Place
from commands.batch.worker import LOST, Worker
from core.errors import SegmenterError
from core.runtime.cpu import usable_cores

# Photos that a worker is given at a time: what has to be done again when it dies.
AT_A_TIME = 32
# Paths in one of the objects in which Ray keeps the list.
PATHS = 10_000
# How often photos whose worker has died are given to another, before they are taken to be what kills it.
RETRIES = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """How many more photos were done and were broken, and for each that still has to be done, why."""

    done: int
    broken: int
    lost: list[str]


def to_do(source: Place, target: Place, manifest: Manifest) -> tuple[pa.Table, int]:
    """Return the column path of the photos in `source` that `manifest` has not settled, and how many it has.

    Those in `target` don't count. Both lists are Arrow's: millions of paths would be gigabytes of Python's strings.
    """
    photos = pa.table({"path": pa.chunked_array(source.photos(without=target), pa.large_string())})
    left = photos.join(manifest.settled(), "path", join_type="left anti").sort_by("path")
    return left, len(photos) - len(left)


def run(job: Job, photos: pa.Table, manifest: Manifest, address: str | None, workers: int | None) -> Iterator[Progress]:
    """Settle `photos`, a table of their paths, on the Ray cluster at `address`; yield what has come of some at a time.

    Without an address, Ray is started on this machine for as long as this takes. There are as many workers as there are
    CPUs for, unless their number is given. Raises SegmenterError where there is no cluster, or no worker can start.
    """
    # One CPU more than the workers have, for what Ray Data does itself.
    here = (workers or max(1, usable_cores() // job.threads)) * job.threads + 1
    try:
        with cluster(address, here):
            cpus = int(ray.cluster_resources().get("CPU", 0)) - 1
            for rows in _results(job, photos, workers or max(1, cpus // job.threads)):
                yield _keep(rows, manifest)
    except RayError as error:
        raise SegmenterError(f"Ray: {str(error).strip().splitlines()[-1]}") from error


def _results(job: Job, photos: pa.Table, workers: int) -> Iterator[pa.Table]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A photo that kills its worker each time must not end the run for the others.
    context.max_errored_blocks = -1
    # Ray Data deprecates passing max_task_retries, and has no other way yet to not retry without end.
    warnings.simplefilter("ignore", RayDeprecationWarning)
    paths = [ray.put(photos.slice(at, PATHS).combine_chunks()) for at in range(0, len(photos), PATHS)]
    results = (
        ray.data.from_arrow_refs(paths)
        .repartition(target_num_rows_per_block=AT_A_TIME)
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
    # Nothing is fetched ahead, so that what is done is in the manifest as soon as can be.
    yield from results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)


def _keep(rows: pa.Table, manifest: Manifest) -> Progress:
    settled = rows.filter(pc.is_null(rows[LOST])).select(SCHEMA.names)
    manifest.add(settled)
    done = settled["error"].null_count
    lost = rows.filter(pc.is_valid(rows[LOST])).select(["path", LOST])
    return Progress(done, len(settled) - done, [f"{row['path']}: {row[LOST]}" for row in lost.to_pylist()])
