"""The command line: its commands and their descriptions."""

from click.testing import CliRunner

from cli import cli


def test_cli_has_a_description_for_each_command() -> None:
    assert set(cli.commands) == {"batch", "calibrate", "evaluate", "fetch", "predict"}
    assert all(command.get_short_help_str() for command in cli.commands.values())


def test_help_of_each_command_shows_an_example() -> None:
    for name in cli.commands:
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0
        assert f"python cli.py {name} " in result.stdout
