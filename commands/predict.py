"""`python cli.py predict`: segment photos without a server, and write the results to files."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from commands.shared.errors import Failed, Refused, failures_of, reason
from commands.shared.files import check_name, write
from commands.shared.help import COMPLETE, INTERRUPTED, MODEL_SETTINGS, NO_RESULT, PHOTOS_AND_RESULTS, UNUSABLE, epilog
from commands.shared.lock import check_unused
from commands.shared.options import Wanted, result_options
from commands.shared.progress import Progress, looking
from commands.shared.results import Destinations, encoder
from commands.shared.say import say
from commands.shared.sources import Source, Sources
from commands.shared.stop import Stop, Stopped
from config import Settings
from core.errors import InvalidRequest
from segmenter import create_model, find_weights, resolved, unlimited


@click.command(
    short_help="Segment photos, and write the results to files.",
    epilog=epilog(
        *MODEL_SETTINGS,
        "max_upload_mb",
        rules=PHOTOS_AND_RESULTS,
        done="every photo has its result",
        failed=f"{NO_RESULT}, or {UNUSABLE}",
        more=INTERRUPTED,
        ends=COMPLETE,
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@result_options("overlay")
@click.option(
    "-o",
    "destination",
    metavar="OUTPUT",
    default=".",
    help="The folder for the results; end it with / if it does not exist yet. For a single photo also a file, whose "
    "ending chooses the format (.jpg of an overlay, .webp of a cut-out), or - for standard output.",
)
def predict(inputs: tuple[str, ...], wanted: Wanted, destination: str) -> None:
    """Segment photos, and write the results to the folder OUTPUT.

    Each INPUT is a photo, a folder with its subfolders, or - for standard input, whose result is stdin.overlay.png.
    The result of a photo that is itself an INPUT is OUTPUT/a.jpg.overlay.png.

    \b
    Examples:
      python cli.py predict photo.jpg                              photo.jpg.overlay.png
      python cli.py predict photo.jpg --output objects -o -        the classes in it, as JSON
      python cli.py predict holiday/ --output cutout --classes person -o people/
      curl -s https://example.com/photo.jpg | python cli.py predict - -o photo.png
    """
    with failures_of("predict"):
        settings = unlimited(resolved(Settings.from_environment()))
        weights = find_weights(settings)
        folder = Path(destination) if os.path.isdir(destination) else None
        if folder:
            check_unused(folder)
        with looking(", ".join(inputs)):
            sources = Sources(inputs, folder)
        problems = sources.problems
        try:
            options = wanted.options(weights.labels, settings)
        except InvalidRequest as error:
            problems.append(str(error))
        if sources.found:
            destinations = Destinations(sources.found, wanted.output, destination)
            problems += destinations.problems
        # Nothing may be left of a command that is refused.
        problems = problems or destinations.make_folders()
        if problems:
            raise Refused(*problems)
        for line in sources.left_out.lines():
            say(line)
        model = create_model(settings, weights)
        model.loading.result()
    encode = encoder(wanted.output, wanted.details, destination)

    def segment(source: Source, file: Path | None) -> None:
        if file:
            check_name(file)
        data = source.read(settings.max_upload_bytes)
        content = model.segment(data, encode, options, is_connected=stop.wants).content
        if file:
            write(file, content)
        else:
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()

    unread = sources.left_out.errors
    with Stop() as stop:
        done, failed = _each(destinations.files, segment, stop, unread)
    if stop.is_set():
        say(f"{done} of {len(destinations.files)} photos are done; the same command does all of them again")
        sys.exit(stop.status)
    lost = [f"{failed} of {len(destinations.files)} photos have no result"] * bool(failed)
    lost += [f"{len(unread)} folders can't be read"] * bool(unread)
    if lost:
        raise Failed("; ".join(lost))


def _each(
    files: Mapping[Source, Path | None], segment: Callable[[Source, Path | None], None], stop: Stop, unread: list[str]
) -> tuple[int, int]:
    """Call `segment` for each photo and its file, until a signal to `stop`; return how many were done, and failed."""
    done = failed = 0
    with Progress(len(files)) as progress:
        for line in unread:
            progress.say(line)
        for source, file in files.items():
            try:
                stop.call(segment, source, file)
                done += 1
            except Stopped:
                break
            except Exception as error:
                # Whatever one photo does, the others get their results.
                if stop.is_set():
                    break
                failed += 1
                progress.say(f"{source}: {reason(error)}")
            progress.add()
            if stop.is_set():
                break
    return done, failed
