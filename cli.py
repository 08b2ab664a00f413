"""The command line: `python cli.py --help`."""

if __name__ == "__main__":
    from core.supported import require_support

    require_support()

from commands.shared.stop import exit_at_signals, exit_now

if __name__ == "__main__":
    # The imports below take a moment, and process 1 of a container ignores signals that have no handler.
    exit_at_signals()

import click

from commands.batch.cli import batch
from commands.calibrate import calibrate
from commands.evaluate import evaluate
from commands.export.cli import export
from commands.fetch import fetch
from commands.labels import labels
from commands.predict import predict
from commands.serve import serve
from commands.watch.cli import watch
from segmenter import __version__


@click.group(context_settings={"max_content_width": 120, "show_default": True})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Segment photos: the class of each pixel, one of the 21 of PASCAL VOC or those of your own model.

    \b
    Begin with:
      python cli.py predict photo.jpg       a picture of what is found in it, photo.jpg.overlay.png
      python cli.py predict --help          other results, folders, standard input
      python cli.py serve                   the same over HTTP, on port 5000

    `COMMAND --help` has the options, the settings (environment variables) and the exit status of a command.
    """


for command in (batch, calibrate, evaluate, export, fetch, labels, predict, serve, watch):
    cli.add_command(command)


def main() -> None:
    """Run a command, and end the process: at once, since a thread may still load a model that nobody needs."""
    try:
        cli()
    except SystemExit as end:
        exit_now(end.code if isinstance(end.code, int) else int(end.code is not None))


if __name__ == "__main__":
    main()
