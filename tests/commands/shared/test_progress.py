"""The progress of a command: lines off a terminal, and a bar that no log line breaks on one."""

import logging
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from commands.shared import progress
from commands.shared.progress import Progress
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT, wait_for


def test_progress_off_a_terminal_is_a_line_from_time_to_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    printed = ""

    def has_line(pattern: str) -> bool:
        nonlocal printed
        printed += capsys.readouterr().err
        return bool(re.search(pattern, printed, re.MULTILINE))

    with Progress(4) as shown:
        wait_for(lambda: has_line(r"^0 of 4 photos$"))
        shown.add(3)
        wait_for(lambda: has_line(r"^3 of 4 photos, about \d+ s left$"))
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_progress_of_short_run_off_a_terminal_prints_only_records(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2) as shown:
        shown.add(2)
        logging.getLogger("test").warning("a record")
    assert capsys.readouterr().err == "a record\n"


def test_log_record_on_a_terminal_does_not_break_the_bar() -> None:
    code = (
        "import logging; from commands.shared.progress import Progress\n"
        "with Progress(3) as shown:\n"
        "    shown.add(); logging.warning('a record'); shown.say('a line'); shown.add(); shown.add()\n"
    )
    reading, writing = pty.openpty()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=writing, check=True, timeout=TIMEOUT)
    os.close(writing)
    printed = b""
    try:
        while data := os.read(reading, 1 << 16):
            printed += data
    except OSError:
        pass  # the end of a terminal
    os.close(reading)
    # What a terminal shows: an erased line is empty, and a carriage return begins the line again.
    lines = [re.split(r"\r\x1b\[K", line)[-1].split("\r")[-1] for line in printed.decode().split("\r\n")]
    assert lines[:2] == ["a record", "a line"]
    assert "3/3" in lines[2] or "100%" in lines[2]
