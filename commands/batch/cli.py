"""The command line of `batch`; it imports PyArrow, fsspec and Ray only to run a job."""

import sys

import click

from commands.batch.job import Job
from commands.shared.again import again_options, again_with
from commands.shared.errors import Failed, Refused, failures_of
from commands.shared.help import INTERRUPTED, KEPT, MODEL_SETTINGS, NO_RESULT, PHOTOS_AND_RESULTS, epilog
from commands.shared.options import Wanted, result_options
from commands.shared.say import say
from config import Settings
from segmenter import find_weights, resolved

REQUIREMENTS = "commands/batch/requirements.txt"


@click.command(
    short_help="Segment an archive of photos; an interrupted run can be resumed.",
    epilog=epilog(
        *MODEL_SETTINGS,
        "max_upload_mb",
        rules=PHOTOS_AND_RESULTS,
        done="every photo has its result",
        failed=f"{NO_RESULT}, or a setting, the model or Ray can't be used",
        more=INTERRUPTED,
        ends=KEPT,
    ),
)
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT", required=False)
@result_options(
    "mask", "none", why="; an overlay, the default of predict and watch, takes a hundred times the space of a mask"
)
@again_options
@click.option(
    "--ray",
    is_flag=False,
    flag_value="local",
    default="",
    metavar="[ADDRESS]",
    help="Use Ray for any number of photos: on this machine (--ray at the end of the command, or --ray local), or on "
    "the cluster at ADDRESS, such as auto or head:6379.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Use Ray with this number of processes, each with its own model; default: as many as the CPUs allow.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="CPU threads of the model: with Ray, of each process, default: 2; without Ray, default: THREADS.",
)
def batch(  # noqa: PLR0913 (one for each option)
    *,
    source: str,
    target: str | None,
    wanted: Wanted,
    retry_errors: bool,
    check: bool,
    ray: str,
    workers: int | None,
    threads: int | None,
) -> None:
    """Segment the photos in the folder INPUT and its subfolders, and write the results to the folder OUTPUT.

    Both can be URLs of fsspec (s3://, gs://, hdfs://, ...). The Parquet files in OUTPUT/manifest/ have the result or
    the error of each photo. The same command resumes an interrupted run. --output coco writes one file for all photos,
    OUTPUT/annotations.json, and --output none the manifest alone.

    Ray segments the photos if they are many and the machine has many cores; else this process does. Either resumes a
    run of the other. `pip install -r commands/batch/requirements.txt` installs the packages of batch.

    \b
    Examples:
      python cli.py batch photos/ masks/
      python cli.py batch photos/ labels/ --output coco
      python cli.py batch s3://bucket/photos s3://bucket/people --output cutout --classes person --ray auto
    """
    if target is None:
        hint = f"; --ray took {ray!r} for its address: put --ray at the end" if ray else ""
        raise Refused(f"OUTPUT is missing{hint}")
    if problems := [
        f"{name} is empty; give a folder" for name, value in (("INPUT", source), ("OUTPUT", target)) if not value
    ]:
        raise Refused(*problems)
    with failures_of("batch", REQUIREMENTS):
        # PyArrow and fsspec may be missing: the other commands do not need them.
        from commands.batch.run import Placement, run  # noqa: PLC0415

        settings = resolved(Settings.from_environment())
        weights = find_weights(settings)
        job = Job(
            source=source,
            target=target,
            output=wanted.output,
            options=wanted.options(weights.labels, settings),
            details=tuple(wanted.details.items()),
            threads=settings.threads,
            settings=settings,
        )
        summary = run(
            job,
            weights,
            Placement(ray, workers, threads),
            again_with(settings, retry_errors=retry_errors, check=check),
        )
    say(str(summary), err=False)
    for message in summary.errors:
        say(message)
    if summary.interrupted:
        sys.exit(summary.interrupted)
    if summary.left:
        raise Failed(f"{summary.left} photos are left; the same command tries them again")
    if summary.changed:
        raise Failed(f"{summary.changed} results were changed after they were written; see above")
    if summary.without_result:
        raise Failed(
            f"{summary.without_result} photos or folders have no result; see above, and column error of the manifest"
        )
