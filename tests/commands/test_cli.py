"""The command line: its commands, their help, and the errors that they share."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from core.labels import LABELS
from segmenter import __version__
from tests.support.paths import CHELSEA

# Arguments of each command, by name: of those that segment photos into files, and of the others.
SEGMENT = {"batch": [".", "out"], "predict": [str(CHELSEA)], "watch": [".", "out"]}
OTHERS = {"calibrate": ["."], "evaluate": ["."], "export": ["graph.pb"], "fetch": ["mobile"], "labels": [], "serve": []}
COMMANDS = SEGMENT | OTHERS


def output(*arguments: str) -> str:
    """Return the output of `cli.py`, which must succeed."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    return result.stdout


def test_help_lists_each_command_with_a_whole_sentence() -> None:
    assert cli.commands.keys() == COMMANDS.keys()
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
    defaults = {name: {option.name: option.default for option in cli.commands[name].params} for name in SEGMENT}
    assert {of["size"] for of in defaults.values()} == {"original"}
    assert {name: of["output"] for name, of in defaults.items()} == {
        "batch": "mask",
        "predict": "overlay",
        "watch": "overlay",
    }
    printed = re.sub(r"\s+", " ", output("batch", "--help"))
    assert "an overlay, the default of predict and watch, takes a hundred times the space of a mask" in printed


def test_commands_share_the_words_for_arguments_photos_and_results() -> None:
    helps = [output(name, "--help") for name in SEGMENT]
    rules = [printed[printed.index("  Results: ") : printed.index("  Settings ")] for printed in helps]
    assert len(set(rules)) == 1
    assert ".objects.json" in rules[0]
    for printed in helps:
        assert {"INPUT", "OUTPUT"} <= set(re.findall(r"[A-Z]+", printed.partition("Settings ")[0]))
        assert re.search(r"2 +an argument can't be used; nothing was done", printed)


def test_version_is_printed() -> None:
    assert output("--version") == f"{__version__}\n"


def test_labels_lists_ids_and_names() -> None:
    assert output("labels") == "".join(f"{id_} {name}\n" for id_, name in enumerate(LABELS))


def error(*arguments: str, status: int) -> str:
    """Return what `cli.py` prints, which must end with `status` and leave the current folder empty."""
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == status
    assert list(Path().iterdir()) == []
    return result.output


@pytest.mark.usefixtures("signal_handlers")
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"serve"}))  # serve becomes `python app.py`
def test_command_with_bad_setting_names_variable_and_value(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGE_SIZE", "5")
    assert error(name, *COMMANDS[name], status=1) == "Error: IMAGE_SIZE='5' can't be used; allowed: 16 to 1024\n"


@pytest.mark.usefixtures("signal_handlers")
@pytest.mark.parametrize("name", SEGMENT)
def test_command_with_unknown_class_names_class_and_allowed_ones(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = error(name, *SEGMENT[name], "--classes", "unicorn", status=2)
    assert line.startswith("Error: classes: 'unicorn' is not a class; allowed: ")


@pytest.mark.parametrize("name", SEGMENT)
def test_command_with_empty_argument_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "INPUT is empty; give " in error(name, "", *SEGMENT[name][1:], status=2)


@pytest.mark.parametrize("name", SEGMENT)
def test_help_tells_what_signals_do(name: str) -> None:
    assert {"SIGTERM", "SIGHUP", "Ctrl-C"} <= set(re.findall(r"[\w-]+", output(name, "--help")))
