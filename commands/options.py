"""Click options that several commands share."""

from collections.abc import Callable
from typing import Any, get_args

import click

from core.output.encode import ENCODERS
from core.types import Edges, Size


def output_option(default: str, *more: str) -> Callable[[Any], Any]:
    """Return the option --output, whose values are the encoders and `more`."""
    return click.option(
        "--output",
        type=click.Choice([*ENCODERS, *more]),
        default=default,
        show_default=True,
        help="The representation of the result.",
    )


def size_option(default: Size) -> Callable[[Any], Any]:
    """Return the option --size."""
    return click.option(
        "--size",
        type=click.Choice(get_args(Size)),
        default=default,
        show_default=True,
        help="The size of the result: that of the resized image (model) or of the photo (original).",
    )


edges_option = click.option(
    "--edges",
    type=click.Choice(get_args(Edges)),
    help="Whether the edges of objects follow the photo, or are the model's; default: photo with --size original, "
    "else model.",
)
min_score_option = click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Classes whose mean probability is lower become background.",
)
classes_option = click.option(
    "--classes", help="Keep only these classes; the rest becomes background. Names or ids, separated by commas."
)
