"""`python cli.py predict`: segment photos without a server, and write the results to files."""

import os
import sys
from pathlib import Path

import click

from commands.shared.errors import Refused, failures_of
from commands.shared.files import write
from commands.shared.help import MODEL_SETTINGS, NO_RESULT, PHOTOS_AND_RESULTS, UNUSABLE, epilog
from commands.shared.options import Wanted, result_options
from commands.shared.progress import Progress
from commands.shared.results import Destinations, encoder
from commands.shared.sources import Sources
from config import Settings
from core.errors import InvalidRequest, SegmenterError
from segmenter import create_model, find_weights, unlimited


@click.command(
    short_help="Segment photos, and write the results to files.",
    epilog=epilog(
        *MODEL_SETTINGS,
        rules=PHOTOS_AND_RESULTS,
        done="every photo has its result",
        failed=f"{NO_RESULT}, or {UNUSABLE}",
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
        settings = unlimited(Settings.from_environment())
        weights = find_weights(settings)
        sources = Sources(inputs, Path(destination) if os.path.isdir(destination) else None)
        problems = sources.problems
        try:
            options = wanted.options(weights.labels)
        except InvalidRequest as error:
            problems.append(str(error))
        if sources.found:
            destinations = Destinations(sources.found, wanted.output, destination)
            problems += destinations.problems
        if problems:
            raise Refused(*problems)
        for line in sources.left_out.lines():
            click.echo(line, err=True)
        model = create_model(settings, weights)
        model.loading.result()
    encode = encoder(wanted.output, wanted.details, destination)
    failed, unread = 0, sources.left_out.errors
    with Progress(len(destinations.files)) as progress:
        for line in unread:
            progress.say(line)
        for source, file in destinations.files.items():
            try:
                content = model.segment(source.read(), encode, options).content
                if file:
                    write(file, content)
                else:
                    sys.stdout.buffer.write(content)
                    sys.stdout.buffer.flush()
            except (SegmenterError, OSError) as error:
                failed += 1
                progress.say(f"{source}: {error}")
            progress.add()
    lost = [f"{failed} of {len(destinations.files)} photos have no result"] * bool(failed)
    lost += [f"{len(unread)} folders can't be read"] * bool(unread)
    if lost:
        raise click.ClickException("; ".join(lost))
