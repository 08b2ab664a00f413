"""What --help says about settings and exit status, and the error of arguments that can't be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import click

from config import ConfigError, Settings
from core.errors import InvalidRequest, SegmenterError

# The settings of the model, which the commands read from the environment.
MODEL_SETTINGS = (
    *("model_type", "image_size", "canvas", "precision", "model_path", "model_labels", "model_cache"),
    *("max_image_megapixels", "threads"),
)


class Refused(click.ClickException):
    """Arguments that can't be used: `problems` has a line for each, and ends the command before any work."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems

    def show(self, file: Any = None) -> None:
        for problem in self.problems:
            click.echo(f"Error: {problem}", file=file, err=True)


@contextmanager
def failures_of(command: str, requirements: str) -> Iterator[None]:
    """Turn the exceptions that end `command` into lines; `requirements` is the file with its own packages."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise click.ClickException(
            f"{command} needs {package}, which is not installed; get it with: pip install -r {requirements}"
        ) from error
    except InvalidRequest as error:
        raise Refused(str(error)) from error
    except (ConfigError, SegmenterError, OSError) as error:
        raise click.ClickException(str(error)) from error


def epilog(*names: str, done: str, failed: str, more: str = "") -> str:
    """Return the end of a command's help: the settings `names`, or all without names, and the exit status.

    `done` tells what status 0 means, `failed` what 1 means, and `more` is a line about another one.
    """
    rows = [
        (field.name.upper(), f"{field.metadata['purpose']} ({field.metadata['kind'].allowed})")
        for field in fields(Settings)
        if not names or field.name in names
    ]
    width = max(len(name) for name, _ in rows) + 2
    status = ["  0    " + done, "  1    " + failed, "  2    an argument can't be used; nothing was done"]
    return "\n".join(
        [
            "\b\nSettings are environment variables:",
            *(f"  {name:{width}}{text}" for name, text in rows),
            "\n\b\nExit status:",
            *status,
            *([f"  {more}"] if more else []),
        ]
    )
