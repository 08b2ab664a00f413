"""The lines and the exit statuses with which exceptions end a command."""

import click
import pytest
from click.testing import CliRunner

from commands.shared.errors import Refused, failures_of
from config import ConfigError
from core.errors import InvalidRequest, ModelError


def ended_by(error: Exception) -> tuple[int, str]:
    """Return the exit status and the output of a command in which `error` is raised."""

    @click.command()
    def command() -> None:
        with failures_of("tidy", "tidy/requirements.txt"):
            raise error

    result = CliRunner().invoke(command)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ConfigError("a setting"), 1, "a setting"),
        (ModelError("a model"), 1, "a model"),
        (FileNotFoundError(2, "No such file", "x"), 1, "No such file: x"),
        (OSError(24, "Too many"), 1, "Too many; raise the limit (ulimit -n), or lower THREADS"),
        (OSError(12, "No memory"), 1, "No memory; raise the limit of memory, or lower THREADS"),
        (MemoryError(), 1, "this machine has no memory left"),
        (
            ModuleNotFoundError("No module named 'ray'", name="ray.data"),
            1,
            "tidy needs ray, which is not installed; get it with: pip install -r tidy/requirements.txt",
        ),
        (InvalidRequest("an argument"), 2, "an argument"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_failure_of_command_is_a_line_and_a_status(error: Exception, status: int, line: str) -> None:
    assert ended_by(error) == (status, f"Error: {line}\n")


def test_refused_command_has_a_line_for_each_problem() -> None:
    assert ended_by(Refused("one", "two")) == (2, "Error: one\nError: two\n")
