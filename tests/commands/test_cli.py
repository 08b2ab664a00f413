"""The command line: its commands, their help, and the errors that they share."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from core.labels import LABELS
from segmenter import __version__
from tests.support.paths import CHELSEA

COMMANDS = ("batch", "calibrate", "evaluate", "fetch", "labels", "predict", "serve", "watch")


def output(*arguments: str) -> str:
    """Return the output of `cli.py`, which must succeed."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    return result.stdout


def test_help_lists_each_command_with_a_whole_sentence() -> None:
    assert set(cli.commands) == set(COMMANDS)
    printed = output("--help")
    for name in COMMANDS:
        assert re.search(rf"^  {name}  +\S.*[^.]\.$", printed, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_shows_an_example_settings_and_exit_status(name: str) -> None:
    printed = output(name, "--help")
    assert f"python cli.py {name}" in printed
    assert "MODEL_CACHE" in printed
    assert re.search(r"Exit status:\n +0 +\w", printed)


def test_commands_share_the_defaults_of_results_or_say_why_not() -> None:
    defaults = {
        name: {option.name: option.default for option in cli.commands[name].params}
        for name in ("batch", "predict", "watch")
    }
    assert {of["size"] for of in defaults.values()} == {"original"}
    assert (defaults["predict"]["output"], defaults["watch"]["output"], defaults["batch"]["output"]) == (
        "overlay",
        "overlay",
        "mask",
    )
    assert "not the overlay of other commands" in re.sub(r"\s+", " ", output("batch", "--help"))


def test_version_is_printed() -> None:
    assert output("--version") == f"{__version__}\n"


def test_labels_lists_ids_and_names() -> None:
    assert output("labels") == "".join(f"{id_} {name}\n" for id_, name in enumerate(LABELS))


@pytest.fixture
def _signal_handlers() -> Iterator[None]:
    """Restore the handlers that watch replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def error(*arguments: str, status: int) -> str:
    """Return what `cli.py` prints, which must end with `status` and leave the current folder empty."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == status
    assert list(Path().iterdir()) == []
    return result.output


SEGMENT = [("batch", ".", "out"), ("predict", str(CHELSEA)), ("watch", ".", "out")]
OTHERS = [("calibrate", "."), ("evaluate", "."), ("fetch", "mobile"), ("labels",)]


@pytest.mark.usefixtures("_signal_handlers")
@pytest.mark.parametrize("arguments", SEGMENT + OTHERS, ids=lambda arguments: arguments[0])
def test_command_with_bad_setting_names_variable_and_value(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGE_SIZE", "5")
    assert error(*arguments, status=1) == "Error: IMAGE_SIZE='5' can't be used; allowed: 16 to 1024\n"


@pytest.mark.usefixtures("_signal_handlers")
@pytest.mark.parametrize("arguments", SEGMENT, ids=lambda arguments: arguments[0])
def test_command_with_unknown_class_names_class_and_allowed_ones(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = error(*arguments, "--classes", "unicorn", status=2)
    assert line.startswith("Error: classes: 'unicorn' is not a class; allowed: ")
