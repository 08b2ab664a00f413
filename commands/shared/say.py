"""What a command prints: names of files come from anywhere, and the reader of a line may have gone."""

from contextlib import suppress

import click

from core.log import printable

ERASE_LINE = "\r\x1b[K"


def say(line: str, *, err: bool = True, erase: bool = False) -> None:
    """Print `line`, with escapes for what would change a terminal; with `erase`, in place of the line that is there."""
    # A run of hours does not end because its terminal was closed, or because the reader of its pipe has gone.
    with suppress(OSError, ValueError):
        click.echo(f"{ERASE_LINE if erase else ''}{printable(line)}", err=err)
