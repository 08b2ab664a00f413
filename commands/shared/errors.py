"""The exceptions that end a command: each is a line on standard error and an exit status, 1 or 2."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from commands.shared.say import say
from config import ConfigError
from core.errors import ImageTooLarge, InvalidImage, InvalidRequest, SegmenterError, UnsupportedImage

# The causes of these errors are in the bytes of a photo, and in the limits or in the version of this program.
PHOTO_ERRORS = (InvalidImage, UnsupportedImage, ImageTooLarge)


class Failed(click.ClickException):
    """Ends a command with status 1: `problems` has a line for each reason."""

    exit_code = 1

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems

    def show(self, file: Any = None) -> None:
        for problem in self.problems:
            say(f"Error: {problem}")


class Refused(Failed):
    """Ends a command before any work, with status 2: `problems` has a line for each argument that can't be used."""

    exit_code = 2


def refuse_empty(**arguments: object) -> None:
    """Raise Refused for empty `arguments`, as a shell makes of a variable that is not set."""
    if problems := [f"{name} is empty; give a folder" for name, value in arguments.items() if not value]:
        raise Refused(*problems)


@contextmanager
def failures_of(command: str, requirements: str = "requirements.txt") -> Iterator[None]:
    """Turn the exceptions that end `command` into lines; `requirements` is the file that lists its packages."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise Failed(
            f"{command} needs {package}, which is not installed; get it with: pip install -r {requirements}"
        ) from error
    except InvalidRequest as error:
        raise Refused(str(error)) from error
    except (ConfigError, SegmenterError, OSError) as error:
        raise Failed(reason(error)) from error
    except MemoryError as error:
        raise Failed("this machine has no memory left") from error


def reason(error: BaseException) -> str:
    """Return one line that tells a user what happened."""
    if isinstance(error, MemoryError):
        return "there is no memory for it; try again later"
    if isinstance(error, (SegmenterError, ConfigError)):
        return str(error)
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        return f"{error.strerror}; raise the limit (ulimit -n), or lower THREADS"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return f"{error.strerror}; raise the limit of memory, or lower THREADS"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}".partition("\n")[0]
