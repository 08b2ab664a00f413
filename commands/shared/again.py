"""Which photos a later run segments again: those whose error may have gone, and those whose result has."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from config import Settings
from core.errors import ImageTooLarge
from segmenter import __version__


@dataclass(frozen=True, slots=True)
class Again:
    """`retry_errors` tries all photos with an error again; `check` compares photos and results with what is recorded.

    An error is tried again without that, too, unless it is still `lasting`.
    """

    retry_errors: bool
    check: bool
    lasting: frozenset[str | None] = frozenset()

    def tries(self, error_with: str | None) -> bool:
        """Return whether a photo is tried again whose error was recorded with error_with()."""
        return self.retry_errors or error_with not in self.lasting


@dataclass(frozen=True, slots=True)
class Version:
    """The size of a file in bytes, and the time of its last change in nanoseconds; None if that is not known."""

    size: int
    modified: int | None


def error_with(error: Exception, settings: Settings) -> str:
    """Return what the error of a photo depends on besides its bytes: it may be gone when that changes."""
    return _limits(settings) if isinstance(error, ImageTooLarge) else _version()


def again_with(settings: Settings, *, retry_errors: bool, check: bool) -> Again:
    """Return which photos are segmented again by this version with `settings`."""
    return Again(retry_errors, check, frozenset({_limits(settings), _version()}))


def again_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --retry-errors and --check, as the arguments `retry_errors` and `check`."""

    @click.option(
        "--retry-errors",
        is_flag=True,
        help="Try all photos again that have an error. Without it, only those for which a limit was changed or which "
        "another version could not read.",
    )
    @click.option(
        "--check",
        is_flag=True,
        help="Compare photos and results with what is recorded, by size and time: a photo that was replaced, or whose "
        "result is missing, is segmented again; a result that was changed is named.",
    )
    @wraps(function)
    def command(**values: Any) -> Any:
        return function(**values)

    return command


def _limits(settings: Settings) -> str:
    return f"MAX_IMAGE_MEGAPIXELS={settings.max_image_megapixels} MAX_UPLOAD_MB={settings.max_upload_mb}"


def _version() -> str:
    return f"version {__version__}"
