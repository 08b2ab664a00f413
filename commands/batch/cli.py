"""The command line of `batch`; it imports Ray only to run a job."""

import signal
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from commands.batch.job import Job
from commands.options import classes_option, edges_option, min_score_option, output_option, size_option
from config import ConfigError, Settings
from core.errors import SegmenterError
from core.labels import class_ids
from core.runtime.cpu import usable_cores
from core.types import Edges, Options, Size
from core.weights.registry import Weights
from segmenter import find_weights

if TYPE_CHECKING:
    from commands.batch.driver import Progress

REQUIREMENTS = "commands/batch/requirements.txt"
# Maximum number of transient errors that are printed.
MAX_ERRORS = 10


@click.command()
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@output_option("mask", "none")
@size_option("model")
@edges_option
@classes_option
@min_score_option
@click.option("--ray", "address", help="Address of a Ray cluster, such as auto or head:6379; default: this machine.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Worker processes, with one model each; default: as many as the CPUs allow.",
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of each worker; default: 2.")
def batch(  # noqa: PLR0913, PLR0917 (one for each option)
    source: str,
    target: str,
    output: str,
    size: Size,
    edges: Edges | None,
    classes: str | None,
    min_score: float,
    address: str | None,
    workers: int | None,
    threads: int | None,
) -> None:
    """Segment all photos in INPUT and its subfolders into OUTPUT, with Ray.

    Both are folders, or URLs of fsspec (s3://, gs://, hdfs://, ...). The Parquet files in OUTPUT/manifest/ hold the
    result or the error of each photo. The same command resumes an interrupted run.

    \b
    Examples:
      python cli.py batch photos/ masks/
      python cli.py batch s3://bucket/photos s3://bucket/people --output cutout --classes person --ray auto
    """
    try:
        settings = Settings.from_environment()
        weights = find_weights(settings)
        job = Job(
            source=source,
            target=target,
            output=output,
            options=Options(
                size, edges, tuple(sorted(class_ids(classes.split(","), weights.labels))) if classes else (), min_score
            ),
            threads=threads or min(2, usable_cores()),
            settings=settings,
        )
        summary = _run(job, weights, address, workers)
    except (ConfigError, SegmenterError, OSError) as error:
        raise click.ClickException(str(error)) from error
    print(summary)
    for message in summary.errors[:MAX_ERRORS]:
        click.echo(message, err=True)
    if summary.interrupted:
        sys.exit(130)
    if summary.left:
        raise click.ClickException(f"{summary.left} photos are left; the same command tries them again")


@dataclass
class Summary:
    """The progress of a run: `skipped` photos were done by earlier runs, `errors` are transient errors of others."""

    photos: int
    skipped: int
    done: int = 0
    broken: int = 0
    errors: list[str] = field(default_factory=list)
    interrupted: bool = False
    # The start of the run, and the number of processed photos after the first and the last task.
    began_at: float = field(default_factory=time.monotonic)
    steps: list[tuple[float, int]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Number of photos without a result or an error."""
        return self.photos - self.skipped - self.done - self.broken

    def add(self, progress: "Progress") -> None:
        self.done += progress.done
        self.broken += progress.invalid
        self.errors += progress.transient_errors[: MAX_ERRORS - len(self.errors)]
        self.steps[1:] = [(time.monotonic(), self.done + self.broken)]

    def __str__(self) -> str:
        counts = f"{self.done} done, {self.skipped} skipped, {self.broken} broken, {self.left} left"
        text = f"{counts} in {time.monotonic() - self.began_at:.0f} s"
        if len(self.steps) < 2:
            return text
        (first, before), (last, after) = self.steps
        return f"{text}; from the first photos on {(after - before) / (last - first):.1f} images per second"


def _run(job: Job, weights: Weights, address: str | None, workers: int | None) -> Summary:
    try:
        # Importing Ray takes seconds, and it may be missing: the other commands do not need it.
        from commands.batch import driver, manifest, storage  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"batch needs {error.name}, which is not installed; get it with: pip install -r {REQUIREMENTS}"
        ) from error
    source, target = storage.Storage(job.source), storage.Storage(job.target)
    if not source.is_folder():
        raise click.ClickException(f"INPUT={job.source!r} is not a folder; for single photos use predict")
    job = replace(job, source=source.url, target=target.url)
    with manifest.Manifest(target, job.identity(weights.sha256)) as kept:
        photos, skipped = driver.pending(source, target, kept)
        summary = Summary(len(photos) + skipped, skipped)
        if not summary.photos:
            raise click.ClickException(f"there are no photos in {job.source}")
        if len(photos):
            # A shell without job control makes background processes ignore SIGINT, but an interrupt must end the run.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with click.progressbar(length=len(photos), label=f"{len(photos)} photos", file=sys.stderr) as bar:
                try:
                    for progress in driver.run(job, photos, kept, address, workers):
                        summary.add(progress)
                        bar.update(progress.done + progress.invalid)
                except KeyboardInterrupt:
                    summary.interrupted = True
    return summary
