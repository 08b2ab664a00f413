"""A batch run: Ray, or a worker in this process, segments the photos that are left; the manifest gets their rows."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path, PurePath
from threading import Event
from typing import Any

import click

from commands.batch import coco, local
from commands.batch.job import Job
from commands.batch.manifest import FOLDER, Manifest
from commands.batch.plan import Plan, plan
from commands.batch.storage import Storage
from commands.batch.summary import Outcome, Summary
from commands.shared.errors import Refused
from commands.shared.names import equal_results
from commands.shared.progress import Progress
from core.runtime.cpu import usable_cores
from core.weights.registry import Weights

# CPU threads of each of Ray's workers.
RAY_THREADS = 2
# From this number of photos on, several workers of Ray gain more time than its start takes; see docs/batch.md.
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


def run(job: Job, weights: Weights, placement: Placement) -> Summary:
    """Process the photos of `job` that have no row in the manifest.

    Raises Refused if its folders can't be used, SegmenterError for a manifest of another job, a missing model or
    an unreachable cluster, ModuleNotFoundError if Ray is chosen and missing, and the exceptions of the file systems.
    """
    made: list[Path] = []
    try:
        return _run(job, weights, placement, made)
    finally:
        # A run that wrote nothing leaves no folder behind.
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def _run(job: Job, weights: Weights, placement: Placement, made: list[Path]) -> Summary:
    source, target = Storage(job.source), Storage(job.target)
    problems = [f"INPUT={job.source!r} is not a folder; for single photos use predict"] * (not source.is_folder())
    if problem := target.why_not_writable(made, FOLDER):
        problems.append(f"OUTPUT={job.target!r} can't be written: {problem}")
    if problems:
        raise Refused(*problems)
    job = replace(job, source=source.url, target=target.url)
    with Manifest(target, job.identity(weights.sha256)) as manifest:
        todo = plan(source, target, manifest)
        summary = Summary(todo.skipped + len(todo.photos), todo.skipped, todo.broken, len(todo.left_out.errors))
        _report(todo, summary, job, target)
        if len(todo.photos):
            uses_ray = placement.uses_ray(len(todo.photos))
            threads = placement.threads or (min(RAY_THREADS, usable_cores()) if uses_ray else job.settings.threads)
            outcomes = _outcomes(replace(job, threads=threads), todo, manifest, placement if uses_ray else None)
            _follow(outcomes, summary, len(todo.photos), at_once=uses_ray)
    if job.output == "coco" and not summary.interrupted:
        coco.write(manifest, target, weights.labels)
    return summary


def _report(todo: Plan, summary: Summary, job: Job, target: Storage) -> None:
    """Print the files that are left out. Raises Refused if there are no photos, or two have the same result."""
    for line in [*todo.left_out.lines(), *todo.left_out.errors]:
        click.echo(line, err=True)
    if not summary.photos and not summary.lost:
        raise Refused(f"there are no photos in {job.source}")
    if target.ignores_case():
        names = ((path, PurePath(path)) for path in todo.photos["path"].to_pylist())
        if problem := equal_results(names, fold=True):
            raise Refused(problem)


def _outcomes(job: Job, todo: Plan, manifest: Manifest, placement: Placement | None) -> Iterator[Outcome]:
    """Process the photos of `todo` on Ray as `placement` says; without one, in this process."""
    if not placement:
        return local.run(job, todo.photos, manifest)
    click.echo("starting Ray, which takes a while", err=True)
    # Importing Ray takes seconds, and it may be missing: small jobs do not need it.
    from commands.batch import driver  # noqa: PLC0415

    address = None if placement.ray == "local" else placement.ray or None
    return driver.run(job, todo.photos, manifest, address, placement.workers)


def _follow(outcomes: Iterator[Outcome], summary: Summary, number: int, *, at_once: bool) -> None:
    """Add `outcomes` to `summary` and show the progress, until they end or SIGINT ends them.

    The first SIGINT ends them `at_once`, or else after the current outcome; the second always at once.
    """
    stop = Event()

    def after_outcome(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    # A shell without job control makes background processes ignore SIGINT, but an interrupt must end the run.
    signal.signal(signal.SIGINT, signal.default_int_handler if at_once else after_outcome)
    with Progress(number) as progress:
        try:
            for outcome in outcomes:
                summary.add(outcome)
                progress.add(outcome.done + len(outcome.broken))
                if stop.is_set():
                    summary.interrupted = True
                    break
        except KeyboardInterrupt:
            summary.interrupted = True
