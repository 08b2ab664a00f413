"""The command line of `watch`; it imports watchfiles only to run."""

import signal
from pathlib import Path
from threading import Event

import click

from commands.shared.errors import Refused, failures_of
from commands.shared.files import why_not_writable
from commands.shared.help import MODEL_SETTINGS, PHOTOS_AND_RESULTS, UNUSABLE, epilog
from commands.shared.options import Wanted, result_options
from commands.shared.results import encoder
from commands.shared.run_identity import identity
from config import Settings
from core.model import ModelWrapper
from segmenter import create_model, find_weights, unlimited

REQUIREMENTS = "commands/watch/requirements.txt"


@click.command(
    short_help="Segment photos as they arrive in a folder.",
    epilog=epilog(
        *MODEL_SETTINGS,
        "max_upload_mb",
        rules=PHOTOS_AND_RESULTS,
        done="ended by SIGTERM or Ctrl-C, after the photo that was being segmented",
        failed=f"INPUT can't be watched, or {UNUSABLE}",
    ),
)
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUTPUT", type=click.Path(path_type=Path))
@result_options("overlay")
@click.option(
    "--settle",
    type=click.FloatRange(min=0.1),
    default=2.0,
    help="Seconds without a change after which a file is complete.",
)
def watch(source: Path, target: Path, wanted: Wanted, settle: float) -> None:
    """Segment photos as they arrive in the folder INPUT and its subfolders, and write the results to the folder OUTPUT.

    It runs until SIGTERM or Ctrl-C. A photo that changes is segmented again. If the disk is full, watch waits. The
    file OUTPUT/watch.sqlite3 lists the photos that are done: after a restart they are not segmented again, even if
    their results were moved away. `pip install -r commands/watch/requirements.txt` installs the packages of watch.

    \b
    Example:
      python cli.py watch inbox/ results/ --output cutout --classes person
    """
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with failures_of("watch", REQUIREMENTS):
        # watchfiles may be missing: the other commands do not need it.
        from commands.watch.arrivals import Arrivals  # noqa: PLC0415
        from commands.watch.journal import Journal  # noqa: PLC0415
        from commands.watch.service import Watch  # noqa: PLC0415

        settings = unlimited(Settings.from_environment())
        weights = find_weights(settings)
        options = wanted.options(weights.labels)
        source, target = source.resolve(), target.resolve()
        _check_folders(source, target)
        made = identity(wanted.output, options, wanted.details, settings, weights.sha256)
        with Journal(target, made) as journal:
            model = create_model(settings, weights)
            if _is_loaded(model, stop):
                arrivals = Arrivals(source, None if source.is_relative_to(target) else target, settle)
                encode = encoder(wanted.output, wanted.details)
                click.echo(f"watching {source}")
                Watch(
                    source=source,
                    target=target,
                    output=wanted.output,
                    model=model,
                    encode=encode,
                    options=options,
                    max_bytes=settings.max_upload_bytes,
                    journal=journal,
                    arrivals=arrivals,
                    stop=stop,
                ).run()
        click.echo("ended")


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


def _is_loaded(model: ModelWrapper, stop: Event) -> bool:
    """Wait until `model` is loaded, or until `stop` is set; return which. Raises ModelError."""
    while not stop.wait(0.1):
        if model.loading.done():
            model.loading.result()
            return True
    return False
