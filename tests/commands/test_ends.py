"""Each end of a command: it comes at once, what is finished is kept, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands.batch.runs import finish, manifest, started
from tests.support.paths import CHELSEA, ROOT
from tests.support.power import lose_unsynced
from tests.support.processes import PROCESS_1, children, command_line, process_group
from tests.support.service import TIMEOUT, wait_for

ENVIRONMENT = os.environ | {"IMAGE_SIZE": "65"}
CLI = (sys.executable, str(ROOT / "cli.py"))
# More than the runs of a test finish before they are ended.
NAMES = [f"{number:03}.jpg" for number in range(200)]
# benchmarks.ends has all; tests/commands/shared/test_stop.py has the signals, which are handled alike, without a run.
ENDS = {
    "Ctrl-C twice": [signal.SIGINT, signal.SIGINT],
    "SIGTERM": [signal.SIGTERM],
    "SIGTERM to process 1": [signal.SIGTERM],
    # SIGKILL, and what was not synced is gone: what holds then holds after SIGKILL alone, too.
    "power cut": [signal.SIGKILL],
}
# The ends whose tests are not slow.
USUAL = {"SIGTERM", "power cut"}
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


@pytest.fixture(params=[pytest.param(name, marks=() if name in USUAL else pytest.mark.slow) for name in ENDS])
def name(request: pytest.FixtureRequest) -> str:
    """The name of an end. Skip the test if this machine does not allow it."""
    name: str = request.param
    if name == "SIGTERM to process 1" and not allows_process_1():
        pytest.skip("unshare is missing, or not allowed here")
    return name


@contextmanager
def run(name: str, command: str, *arguments: object, cwd: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a command that is to have the end `name`."""
    before = {"SIGTERM to process 1": PROCESS_1, "power cut": [sys.executable, "-m", "tests.support.power", "record"]}
    start = [*before.get(name, []), *([] if name == "power cut" else CLI), command, *map(str, arguments)]
    pipe, environment = subprocess.PIPE, ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    with process_group(start, cwd=cwd, env=environment, stdout=pipe, stderr=pipe) as process:
        yield process


def end(process: "subprocess.Popen[str]", name: str, out: Path) -> int:
    """Let `process` have the end `name`; return its exit status."""
    for number in ENDS[name]:
        os.kill(children(process.pid)[0] if name == "SIGTERM to process 1" else process.pid, number)
        time.sleep(0.05)
    process.communicate(timeout=TIMEOUT)
    if name == "power cut":
        lose_unsynced(out, out.parent / "record")
    return process.returncode


def status_after(name: str) -> int:
    """Return the exit status of `predict` and `batch` after the end `name`."""
    return -signal.SIGKILL if name == "power cut" else 128 + ENDS[name][0]


def allows_process_1() -> bool:
    """Return whether this machine allows PROCESS_1."""
    try:
        return subprocess.run([*PROCESS_1, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def results(out: Path) -> set[str]:
    """Return the names of the photos that have a result."""
    return {path.name.rpartition(".jpg")[0] + ".jpg" for path in out.glob("[!.]*.png")}


def test_batch_after_each_end_has_a_row_for_each_finished_photo_and_goes_on(
    name: str, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [photos, out, "--size", "model"]
    with run(name, "batch", *arguments, cwd=tmp_path) as process:
        wait_for(lambda: len(results(out)) > IN_TRANSIT + 2)
        assert end(process, name, out) == status_after(name)
    before = results(out)
    assert IN_TRANSIT < len(before) < len(NAMES)
    with started(*arguments, cwd=tmp_path, environment=ENVIRONMENT) as process:
        output = finish(process)
    done, skipped, *_ = (int(word) for word in output.split() if word.isdecimal())
    assert done + skipped == len(NAMES)
    assert len(before) - IN_TRANSIT <= skipped <= len(before)
    assert set(manifest(out)) == set(NAMES) == results(out)
    assert [path.name for path in out.rglob(".*")] == []


def test_predict_after_each_end_has_complete_results_only(name: str, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with run(name, "predict", photos, "-o", "out/", "--output", "mask", "--size", "model", cwd=tmp_path) as process:
        wait_for(lambda: len(results(out)) > 1)
        assert end(process, name, out) == status_after(name)
    assert 0 < len(results(out)) < len(NAMES)
    assert len({path.read_bytes() for path in out.glob("[!.]*.png")}) == 1


def test_watch_after_each_end_repeats_no_photo_and_goes_on(name: str, photos: Path, tmp_path: Path) -> None:
    arguments = [photos, "out", "--output", "mask", "--size", "model", "--settle", "0.1"]
    out = tmp_path / "out"
    with run(name, "watch", *arguments, cwd=tmp_path) as process:
        wait_for(lambda: len(results(out)) > 2)
        assert end(process, name, out) == (-signal.SIGKILL if name == "power cut" else 0)
    before = {path: path.stat().st_ino for path in out.glob("[!.]*.png")}
    assert 1 < len(before) < len(NAMES)
    with run("SIGTERM", "watch", *arguments, cwd=tmp_path) as process:
        wait_for(lambda: results(out) == set(NAMES))
        assert end(process, "SIGTERM", out) == 0
    # The last result before SIGKILL may have no entry in the journal.
    again = [path for path, inode in before.items() if path.stat().st_ino != inode]
    assert len(again) <= (1 if name == "power cut" else 0)


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
            second = subprocess.run(
                [*CLI, *command], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
            )
            assert second.returncode == 1
            assert f"out is in use by process {process.pid} on host {os.uname().nodename}; wait" in second.stderr
        os.kill(process.pid, signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)


def _catches(pid: int, number: int) -> bool:
    """Return whether a process has a handler of the signal `number`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(caught >> (number - 1) & 1)
