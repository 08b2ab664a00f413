"""The exceptions that end a command: each is a line on standard error and an exit status, 1 or 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from config import ConfigError
from core.errors import InvalidRequest, SegmenterError


class Refused(click.ClickException):
    """Ends a command before any work, with status 2: `problems` has a line for each argument that can't be used."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems

    def show(self, file: Any = None) -> None:
        for problem in self.problems:
            click.echo(f"Error: {problem}", file=file, err=True)


@contextmanager
def failures_of(command: str, requirements: str = "requirements.txt") -> Iterator[None]:
    """Turn the exceptions that end `command` into lines; `requirements` is the file that lists its packages."""
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
