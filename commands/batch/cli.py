"""The command line of `batch`, which can be asked for help without Ray."""

import signal
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from core.output.encode import BODIES
from app import find_weights
from commands.batch.job import Job
from config import ConfigError, Settings
from core.errors import SegmenterError
from core.labels import class_ids
from core.runtime.cpu import usable_cores
from core.weights.registry import Weights

if TYPE_CHECKING:
    from commands.batch.driver import Progress

REQUIREMENTS = "commands/batch/requirements.txt"
# Of the photos that could not be settled, so many are named.
NAMED = 10


@click.command()
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@click.option("--output", type=click.Choice([*BODIES, "none"]), default="mask", show_default=True, help="What to make.")
@click.option(
    "--size",
    type=click.Choice(["model", "original"]),
    default="model",
    show_default=True,
    help="The size of the resized image that the model sees, or of the photo itself.",
)
@click.option("--classes", help="Only these count, the rest is background: names or ids, separated by commas.")
@click.option("--ray", "address", help="The Ray cluster to run on, such as auto or head:6379; default: this machine.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes, with a model each; default: as CPUs allow.")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of each worker; default: 2.")
def batch(  # noqa: PLR0913, PLR0917 (one for each option)
    source: str,
    target: str,
    output: str,
    size: str,
    classes: str | None,
    address: str | None,
    workers: int | None,
    threads: int | None,
) -> None:
    """Segment all photos below INPUT into OUTPUT, with Ray.

    Both are folders, or URLs of folders that fsspec opens (s3://, gs://, hdfs://, ...). OUTPUT/manifest/ tells in
    Parquet what became of each photo, of a broken one its error. After a break, the same command goes on from there.

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
            original=size == "original",
            classes=tuple(sorted(class_ids(classes, weights.labels))) if classes else (),
            threads=threads or min(2, usable_cores()),
            settings=settings,
        )
        summary = _run(job, weights, address, workers)
    except (ConfigError, SegmenterError, OSError) as error:
        raise click.ClickException(str(error)) from error
    print(summary)
    for reason in summary.reasons[:NAMED]:
        click.echo(reason, err=True)
    if summary.interrupted:
        sys.exit(130)
    if summary.left:
        raise click.ClickException(f"{summary.left} photos are not settled; the same command tries them again")


@dataclass
class Summary:
    """What has come of a run: `skipped` photos had been settled before, `reasons` are why others are not yet."""

    photos: int
    skipped: int
    done: int = 0
    broken: int = 0
    reasons: list[str] = field(default_factory=list)
    interrupted: bool = False
    # When the run began, and after each step how many photos were settled.
    began: float = field(default_factory=time.monotonic)
    steps: list[tuple[float, int]] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many photos are not settled."""
        return self.photos - self.skipped - self.done - self.broken

    def add(self, progress: "Progress") -> None:
        self.done += progress.done
        self.broken += progress.broken
        self.reasons += progress.lost[: NAMED - len(self.reasons)]
        # The first and the last are enough.
        self.steps[1:] = [(time.monotonic(), self.done + self.broken)]

    def __str__(self) -> str:
        counts = f"{self.done} done, {self.skipped} skipped, {self.broken} broken, {self.left} left"
        text = f"{counts} in {time.monotonic() - self.began:.0f} s"
        if len(self.steps) < 2:
            return text
        (first, before), (last, after) = self.steps
        return f"{text}; from the first photos on {(after - before) / (last - first):.1f} images per second"


def _run(job: Job, weights: Weights, address: str | None, workers: int | None) -> Summary:
    try:
        # Not at the top of the file: the other commands do without Ray, and without waiting for it.
        from commands.batch import archive, manifest, place  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"batch needs {error.name}, which is not installed; get it with: pip install -r {REQUIREMENTS}"
        ) from error
    source, target = place.Place(job.source), place.Place(job.target)
    if not source.is_folder():
        raise click.ClickException(f"INPUT={job.source!r} is not a folder; photos by themselves are for predict")
    job = replace(job, source=source.url, target=target.url)
    with manifest.Manifest(target, job.identity(weights.sha256)) as kept:
        photos, skipped = archive.to_do(source, target, kept)
        summary = Summary(len(photos) + skipped, skipped)
        if not summary.photos:
            raise click.ClickException(f"there are no photos in {job.source}")
        if len(photos):
            # A shell without job control lets what it starts in the background ignore it; a run that is stopped so
            # loses nothing.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            with click.progressbar(length=len(photos), label=f"{len(photos)} photos", file=sys.stderr) as bar:
                try:
                    for progress in archive.run(job, photos, kept, address, workers):
                        summary.add(progress)
                        bar.update(progress.done + progress.broken)
                except KeyboardInterrupt:
                    summary.interrupted = True
    return summary
