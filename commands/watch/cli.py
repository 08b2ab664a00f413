"""The command line of `watch`; it imports watchfiles only to run."""

from contextlib import suppress
from pathlib import Path

import click

from commands.shared.again import again_options, again_with
from commands.shared.errors import Refused, failures_of, refuse_empty
from commands.shared.files import why_not_writable
from commands.shared.help import KEPT, MODEL_SETTINGS, PHOTOS_AND_RESULTS, UNUSABLE, epilog
from commands.shared.lock import only_run
from commands.shared.options import Wanted, result_options
from commands.shared.results import encoder
from commands.shared.run_identity import identity
from commands.shared.say import say
from commands.shared.stop import Stop, Stopped
from config import Settings
from segmenter import create_model, find_weights, resolved, unlimited

REQUIREMENTS = "commands/watch/requirements.txt"


@click.command(
    short_help="Segment photos as they arrive in a folder.",
    epilog=epilog(
        *MODEL_SETTINGS,
        "max_upload_mb",
        rules=PHOTOS_AND_RESULTS,
        done="ended by SIGTERM, SIGHUP or Ctrl-C, after the photo that was being segmented if that takes no second",
        failed=f"INPUT can't be watched, or {UNUSABLE}",
        ends=KEPT,
    ),
)
@click.argument("source", metavar="INPUT")
@click.argument("target", metavar="OUTPUT")
@result_options("overlay")
@again_options
@click.option(
    "--settle",
    type=click.FloatRange(min=0.1),
    default=2.0,
    help="Seconds without a change after which a file is complete.",
)
def watch(  # noqa: PLR0913 (one for each option)
    *, source: str, target: str, wanted: Wanted, settle: float, retry_errors: bool, check: bool
) -> None:
    """Segment photos as they arrive in the folder INPUT and its subfolders, and write the results to the folder OUTPUT.

    It runs until SIGTERM, SIGHUP or Ctrl-C. A photo that changes is segmented again. If the disk is full, watch waits.
    The file OUTPUT/watch.sqlite3 lists the photos that are done: after a restart they are not segmented again, even if
    their results were moved away, unless --check is given. `pip install -r commands/watch/requirements.txt` installs
    the packages of watch.

    \b
    Example:
      python cli.py watch inbox/ results/ --output cutout --classes person
    """
    refuse_empty(INPUT=source, OUTPUT=target)
    with Stop() as stop, failures_of("watch", REQUIREMENTS):
        # watchfiles may be missing: the other commands do not need it.
        from commands.watch.arrivals import Arrivals  # noqa: PLC0415
        from commands.watch.journal import Journal  # noqa: PLC0415
        from commands.watch.service import Watch  # noqa: PLC0415

        settings = unlimited(resolved(Settings.from_environment()))
        weights = find_weights(settings)
        options = wanted.options(weights.labels, settings)
        folders = Path(source).resolve(), Path(target).resolve()
        _check_folders(*folders)
        made = identity(wanted.output, options, wanted.details, settings, weights)
        with only_run(folders[1]), Journal(folders[1], made) as journal, suppress(Stopped):
            model = create_model(settings, weights)
            stop.result(model.loading)
            say(f"watching {folders[0]}", err=False)
            Watch(
                source=folders[0],
                target=folders[1],
                output=wanted.output,
                model=model,
                encode=encoder(wanted.output, wanted.details),
                options=options,
                journal=journal,
                arrivals=Arrivals(folders[0], None if folders[0].is_relative_to(folders[1]) else folders[1], settle),
                stop=stop,
                settings=settings,
                again=again_with(settings, retry_errors=retry_errors, check=check),
            ).run()
        say("ended", err=False)


def _check_folders(source: Path, target: Path) -> None:
    """Create the folder `target`. Raises Refused if one of the folders can't be used."""
    problems = [] if source.is_dir() else [f"INPUT={str(source)!r} is not a folder; create it"]
    made: list[Path] = []
    if problem := why_not_writable(target, made):
        problems.append(f"OUTPUT={str(target)!r} can't be written: {problem}")
    if problems:
        for folder in reversed(made):
            folder.rmdir()
        raise Refused(*problems)
