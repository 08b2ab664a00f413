"""`python cli.py labels`: list the classes of the model."""

import click

from commands.shared.errors import failures_of
from commands.shared.help import UNUSABLE, epilog
from config import Settings
from segmenter import find_weights


@click.command(
    short_help="List the classes of the model.",
    epilog=epilog(
        *("model_type", "model_path", "model_labels", "model_cache"),
        done="the classes were listed",
        failed=UNUSABLE,
    ),
)
def labels() -> None:
    """List the classes of the model: the id, which is the value of a pixel in a mask, and the name.

    --classes takes ids and names.

    Example: python cli.py labels
    """
    with failures_of("labels"):
        names = find_weights(Settings.from_environment()).labels
    for class_, name in enumerate(names):
        click.echo(f"{class_} {name}")
