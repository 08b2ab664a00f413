"""The command line itself: which commands there are, and what starting it does without."""

import subprocess
import sys

from cli import cli
from tests.support.paths import ROOT


def test_each_command_says_what_it_does() -> None:
    assert set(cli.commands) == {"batch", "evaluate", "fetch", "predict"}
    assert all(command.get_short_help_str() for command in cli.commands.values())


def test_it_starts_without_what_only_some_commands_need() -> None:
    code = "import sys, cli; print({'tensorflow', 'ray', 'pyarrow', 'fsspec'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
