"""The command line of `watch` without a run: its messages."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from commands.watch.cli import REQUIREMENTS
from tests.support.paths import ROOT

pytestmark = pytest.mark.usefixtures("signal_handlers")


def test_watch_of_folders_that_can_not_be_used_names_both(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["watch", str(tmp_path / "in"), "/proc/out"])
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        f"Error: INPUT='{tmp_path}/in' is not a folder; create it",
        "Error: OUTPUT='/proc/out' can't be written: No such file or directory",
    ]


def test_watch_without_watchfiles_names_the_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.delitem(sys.modules, "commands.watch.service", raising=False)
    result = CliRunner().invoke(cli, ["watch", str(tmp_path), str(tmp_path)])
    assert (result.exit_code, result.output) == (
        1,
        f"Error: watch needs watchfiles, which is not installed; get it with: pip install -r {REQUIREMENTS}\n",
    )
    assert (ROOT / REQUIREMENTS).exists()
