"""A batch run: Ray, or a worker in this process, segments the photos that are left; the manifest gets their rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from commands.batch import coco, local
from commands.batch.bucket_lock import only_run_in_bucket
from commands.batch.job import Job
from commands.batch.manifest import Manifest
from commands.batch.parts import FOLDER
from commands.batch.plan import Plan, plan
from commands.batch.storage import Storage
from commands.batch.summary import Outcome, Summary
from commands.shared.again import Again
from commands.shared.errors import Refused
from commands.shared.lock import only_run
from commands.shared.names import results_in_the_way
from commands.shared.progress import Progress, looking
from commands.shared.say import say
from commands.shared.stop import Stop, Stopped, exit_at_signals
from core.runtime.cpu import usable_cores
from core.weights.registry import Weights

# CPU threads of each of Ray's workers.
RAY_THREADS = 2
# From this number of photos on, several workers of Ray gain more time than its start takes; see docs/benchmarks.md.
RAY_PHOTOS = 1000


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a job runs: `ray` is the address of a Ray cluster, "local" for one on this machine, "" if run() decides.

    `workers` is the number of Ray's workers, `threads` the number of CPU threads of each; None if run() decides.
    """

    ray: str
    workers: int | None
    threads: int | None

    def uses_ray(self, photos: int) -> bool:
        """Return whether the job runs on Ray: an option says so, or Ray is installed and faster for so many photos."""
        if self.ray or self.workers:
            return True
        # One worker of Ray is not faster than this process.
        pays = photos >= RAY_PHOTOS and usable_cores() >= 2 * (self.threads or RAY_THREADS)
        return pays and find_spec("ray") is not None


def run(job: Job, weights: Weights, placement: Placement, again: Again) -> Summary:
    """Process the photos of `job` that have no row in the manifest, and those that are segmented `again`.

    Raises Refused if its folders can't be used, SegmenterError for a manifest of another job, a missing model or
    an unreachable cluster, ModuleNotFoundError if Ray is chosen and missing, and the exceptions of the file systems.
    """
    made: list[Path] = []
    try:
        return _run(job, weights, placement, again, made)
    finally:
        # A run that wrote nothing leaves no folder behind.
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def _run(job: Job, weights: Weights, placement: Placement, again: Again, made: list[Path]) -> Summary:
    source, target = Storage(job.source), Storage(job.target)
    problems = [f"INPUT={job.source!r} is not a folder; for single photos use predict"] * (not source.is_folder())
    if problem := target.why_not_writable(made, FOLDER):
        problems.append(f"OUTPUT={job.target!r} can't be written: {problem}")
    if problems:
        raise Refused(*problems)
    job = replace(job, source=source.url, target=target.url)
    with _only_run(target) as check:
        with Manifest(target, job.identity(weights), check) as manifest:
            with looking(source.url):
                todo = plan(source, target, manifest, again)
            todo = _without_equal_results(todo, manifest, target)
            summary = Summary(todo.skipped + len(todo.photos), todo.skipped, todo.broken, len(todo.left_out.errors))
            _report(todo, summary, job)
            if len(todo.photos):
                _segment(job, todo, manifest, placement, summary)
        if job.output == "coco" and not summary.interrupted:
            coco.write(manifest, target, weights.labels)
    return summary


@contextmanager
def _only_run(target: Storage) -> Iterator[Callable[[], None]]:
    """Let no other run write to `target` during the block; yield a function that raises SegmenterError if one does."""
    if target.folder:
        with only_run(target.folder):
            yield lambda: None
    else:
        with only_run_in_bucket(target) as check:
            yield check


def _without_equal_results(todo: Plan, manifest: Manifest, target: Storage) -> Plan:
    """Return `todo` without the photos whose result would overwrite that of another one; they become errors."""
    if not target.ignores_case():
        return todo
    rows = manifest.done()
    done = rows.filter(rows["mask"].is_valid())["path"].to_pylist()
    problems = results_in_the_way(todo.photos["path"].to_pylist(), done)
    todo.left_out.errors.extend(problems.values())
    kept = [path not in problems for path in todo.photos["path"].to_pylist()]
    return replace(todo, photos=todo.photos.filter(kept))


def _report(todo: Plan, summary: Summary, job: Job) -> None:
    """Print the files that are left out, and results that were changed. Raises Refused if there are no photos."""
    for line in [*todo.left_out.lines(), *todo.left_out.errors]:
        say(line)
    summary.changed = len(todo.changed)
    for path in todo.changed:
        say(f"{path}: the result was changed after it was written; delete it, and --check makes it again")
    if not summary.photos and not summary.lost:
        raise Refused(f"there are no photos in {job.source}")


def _segment(job: Job, todo: Plan, manifest: Manifest, placement: Placement, summary: Summary) -> None:
    """Process the photos of `todo`, on Ray as `placement` says, or in this process, and count them in `summary`."""
    uses_ray = placement.uses_ray(len(todo.photos))
    threads = placement.threads or (min(RAY_THREADS, usable_cores()) if uses_ray else job.settings.threads)
    job = replace(job, threads=threads)
    if not uses_ray:
        with Stop() as stop:
            with suppress(Stopped):
                _follow(local.run(job, todo.photos, manifest, stop), summary, len(todo.photos))
            summary.interrupted = stop.status if stop.is_set() else 0
        return
    say("starting Ray, which takes a while")
    # Importing Ray takes seconds, and it may be missing: small jobs do not need it.
    from commands.batch import driver  # noqa: PLC0415

    machines = driver.Machines(None if placement.ray == "local" else placement.ray or None, placement.workers)
    stop = Stop()
    # Until the workers work, and while Ray ends, nothing is lost by a signal.
    exit_at_signals()
    try:
        _follow(driver.run(job, todo.photos, manifest, machines, stop), summary, len(todo.photos))
        summary.interrupted = stop.status if stop.is_set() else 0
    except SystemExit as end:
        summary.interrupted = end.code if isinstance(end.code, int) else 1


def _follow(outcomes: Iterator[Outcome], summary: Summary, number: int) -> None:
    """Add `outcomes` to `summary` and show the progress, until they end."""
    with Progress(number) as progress:
        for outcome in outcomes:
            summary.add(outcome)
            progress.add(outcome.done + len(outcome.broken))
