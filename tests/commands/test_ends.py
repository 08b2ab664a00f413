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
NAMES = [f"{number:03}.jpg" for number in range(200)]
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


def end(process: "subprocess.Popen[str]", signals: Sequence[int]) -> int:
    """Send `signals`, and return the exit status."""
    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)
    process.communicate(timeout=TIMEOUT)
    return process.returncode


def results(out: Path) -> set[str]:
    """Return the names of the photos that have a result."""
    return {path.name.rpartition(".jpg")[0] + ".jpg" for path in out.glob("[!.]*.png")}


@pytest.mark.parametrize("name", ENDS)
def test_batch_after_each_end_has_a_row_for_each_finished_photo_and_goes_on(
    name: str, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [photos, out, "--size", "model"]
    with started(*arguments, cwd=tmp_path, environment=ENVIRONMENT) as process:
        wait_for(lambda: len(results(out)) > IN_TRANSIT)
        status = end(process, ENDS[name])
    [first, *_] = ENDS[name]
    assert status == (-first if name == "SIGKILL" else 128 + first)
    before = results(out)
    assert IN_TRANSIT < len(before) < len(NAMES)
    with started(*arguments, cwd=tmp_path, environment=ENVIRONMENT) as process:
        output = finish(process)
    done, skipped, *_ = (int(word) for word in output.split() if word.isdecimal())
    assert done + skipped == len(NAMES)
    assert len(before) - IN_TRANSIT <= skipped <= len(before)
    assert set(manifest(out)) == set(NAMES) == results(out)
    assert [path.name for path in out.rglob(".*")] == []


@pytest.mark.parametrize("name", ENDS)
def test_predict_after_each_end_has_complete_results_only(name: str, photos: Path, tmp_path: Path) -> None:
    command = [*CLI, "predict", str(photos), "-o", "out/", "--output", "mask", "--size", "model"]
    out, pipe = tmp_path / "out", subprocess.PIPE
    with process_group(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        wait_for(lambda: len(results(out)) > 0)
        status = end(process, ENDS[name])
    [first, *_] = ENDS[name]
    assert status == (-first if name == "SIGKILL" else 128 + first)
    assert 0 < len(results(out)) < len(NAMES)
    assert len({path.read_bytes() for path in out.glob("[!.]*.png")}) == 1


@pytest.mark.parametrize("name", ENDS)
def test_watch_after_each_end_repeats_no_photo_and_goes_on(name: str, photos: Path, tmp_path: Path) -> None:
    command = [*CLI, "watch", str(photos), "out", "--output", "mask", "--size", "model", "--settle", "0.1"]
    out, pipe = tmp_path / "out", subprocess.PIPE
    with process_group(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        wait_for(lambda: len(results(out)) > 1)
        status = end(process, ENDS[name])
    assert status == (-signal.SIGKILL if name == "SIGKILL" else 0)
    before = {path: path.stat().st_ino for path in out.glob("[!.]*.png")}
    assert 1 < len(before) < len(NAMES)
    with process_group(command, cwd=tmp_path, env=ENVIRONMENT, stdout=pipe, stderr=pipe) as process:
        wait_for(lambda: results(out) == set(NAMES))
        assert end(process, [signal.SIGTERM]) == 0
    # The last result before SIGKILL may have no entry in the journal.
    again = [path for path, inode in before.items() if path.stat().st_ino != inode]
    assert len(again) <= (1 if name == "SIGKILL" else 0)


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
