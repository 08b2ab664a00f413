"""Click options that several commands share."""

from collections.abc import Callable
from typing import Any, get_args

import click

from core.output.encode import ENCODERS
from core.types import Size


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


classes_option = click.option(
    "--classes", help="Keep only these classes; the rest becomes background. Names or ids, separated by commas."
)
