"""Each end of a command: it comes at once, what is finished is kept, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.commands.batch.runs import finish, manifest, started
from tests.support.paths import CHELSEA, ROOT
from tests.support.processes import command_line, process_group
from tests.support.service import TIMEOUT, wait_for

ENVIRONMENT = os.environ | {"IMAGE_SIZE": "65"}
CLI = (sys.executable, str(ROOT / "cli.py"))
# More than the runs of a test finish before they are ended.
NAMES = [f"{number:03}.jpg" for number in range(400)]
# Each command gets some of these: all handle the signals alike, see tests/commands/shared/test_stop.py.
ENDS = {
    "Ctrl-C": [signal.SIGINT],
    "Ctrl-C twice": [signal.SIGINT, signal.SIGINT],
    "SIGTERM": [signal.SIGTERM],
    "SIGHUP": [signal.SIGHUP],
    "SIGKILL": [signal.SIGKILL],
}
# Photos of a run that may have a result and no row yet, or be in the queue.
IN_TRANSIT = 16


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with the photos NAMES."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in NAMES:
        (folder / name).symlink_to(CHELSEA)
    return folder


def end(process: "subprocess.Popen[str]", signals: Sequence[int]) -> tuple[int, str]:
    """Send `signals`; return the exit status and the standard output."""
    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)
    output, _ = process.communicate(timeout=TIMEOUT)
    return process.returncode, output


def results(out: Path) -> dict[str, int]:
    """Return the names of the photos that have a result, each with the inode of its result."""
    return {path.name.rpartition(".jpg")[0] + ".jpg": path.stat().st_ino for path in out.glob("[!.]*.png")}


def changed(before: dict[str, int], now: dict[str, int]) -> int:
    """Return how many of the results `before` are gone or were written again."""
    return len(before.items() - now.items())


def test_batch_after_each_end_has_a_row_for_each_finished_photo_and_goes_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [photos, out, "--size", "model"]
    before: dict[str, int] = {}

    def check_rows(output: str, now: dict[str, int]) -> None:
        done, skipped, *_ = (int(word) for word in output.split() if word.isdecimal())
        assert len(before) - IN_TRANSIT <= skipped <= len(before)
        assert changed(before, now) <= len(before) - skipped
        rows = manifest(out)
        assert len(rows) == done + skipped
        assert rows.keys() <= now.keys()

    for name in ("Ctrl-C", "Ctrl-C twice", "SIGKILL"):
        with started(*arguments, cwd=tmp_path, environment=ENVIRONMENT) as process:
            wait_for(lambda: len(results(out)) > len(before) + IN_TRANSIT)  # noqa: B023 - called in this round
            status, output = end(process, ENDS[name])
        now = results(out)
        assert len(now) < len(NAMES), name
        if name == "SIGKILL":
            assert status == -signal.SIGKILL
            assert changed(before, now) <= IN_TRANSIT  # those of the run before that have no row
        else:
            assert status == 128 + signal.SIGINT
            check_rows(output, now)
        before = now
    for name in sorted(set(NAMES) - before.keys())[20:]:
        (photos / name).unlink()
    with started(*arguments, cwd=tmp_path, environment=ENVIRONMENT) as process:
        check_rows(finish(process), results(out))
    assert set(manifest(out)) == results(out).keys() == {path.name for path in photos.iterdir()}
    assert [path.name for path in out.rglob(".*")] == []


@pytest.mark.parametrize("name", ["Ctrl-C twice", "SIGTERM", "SIGKILL"])
def test_predict_after_each_end_has_complete_results_only(name: str, photos: Path, tmp_path: Path) -> None:
    command = [*CLI, "predict", str(photos), "-o", "out/", "--output", "mask", "--size", "model"]
    out, pipe = tmp_path / "out", subprocess.PIPE
    with process_group(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        wait_for(lambda: len(results(out)) > 0)
        status, _ = end(process, ENDS[name])
    [first, *_] = ENDS[name]
    assert status == (-first if name == "SIGKILL" else 128 + first)
    assert 0 < len(results(out)) < len(NAMES)
    assert len({path.read_bytes() for path in out.glob("[!.]*.png")}) == 1


def test_watch_after_each_end_repeats_no_photo_and_goes_on(photos: Path, tmp_path: Path) -> None:
    command = [*CLI, "watch", str(photos), "out", "--output", "mask", "--size", "model", "--settle", "0.1"]
    out, pipe = tmp_path / "out", subprocess.PIPE
    before: dict[str, int] = {}
    repeated = 0
    for name in ("SIGTERM", "SIGHUP", "SIGKILL"):
        with process_group(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
            wait_for(lambda: len(results(out)) > len(before) + 1)  # noqa: B023 - called in this round
            status, _ = end(process, ENDS[name])
        now = results(out)
        assert len(now) < len(NAMES), name
        assert status == (-signal.SIGKILL if name == "SIGKILL" else 0)
        assert changed(before, now) <= repeated
        # The last result before SIGKILL may have no entry in the journal.
        before, repeated = now, int(name == "SIGKILL")
    for name in sorted(set(NAMES) - before.keys())[20:]:
        (photos / name).unlink()
    with process_group(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        wait_for(lambda: results(out).keys() == {path.name for path in photos.iterdir()})
        assert end(process, [signal.SIGTERM])[0] == 0
    assert changed(before, results(out)) <= repeated


@pytest.mark.parametrize("command", ["batch", "predict", "watch"])
def test_command_ends_at_once_while_the_model_loads(command: str, photos: Path, tmp_path: Path) -> None:
    output = ["-o", "out/"] if command == "predict" else ["out"]
    with process_group([*CLI, command, str(photos), *output], cwd=tmp_path, env=ENVIRONMENT) as process:
        wait_for(lambda: "cli.py" in command_line(process.pid) and _catches(process.pid, signal.SIGTERM))
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT) in {0, 128 + signal.SIGTERM}


def test_second_run_on_one_output_is_refused_with_process_and_host(photos: Path, tmp_path: Path) -> None:
    with started(photos, "out", cwd=tmp_path, environment=ENVIRONMENT) as process:
        wait_for((tmp_path / "out" / ".segmenter.lock").exists)
        os.kill(process.pid, signal.SIGSTOP)
        for command in (
            ["batch", str(photos), "out"],
            ["watch", str(photos), "out"],
            ["predict", str(CHELSEA), "-o", "out"],
        ):
            run = subprocess.run(
                [*CLI, *command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
            )
            assert run.returncode == 1
            assert f"out is in use by process {process.pid} on host {os.uname().nodename}; wait" in run.stderr
        os.kill(process.pid, signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)


def _catches(pid: int, number: int) -> bool:
    """Return whether a process has a handler of the signal `number`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(caught >> (number - 1) & 1)
