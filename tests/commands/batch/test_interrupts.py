"""`cli.py batch` with real Ray: each photo is processed once, also after interrupted and killed runs.

The tests block a worker at named pipes, which replace photos when the run has listed them, so that a run can't finish
before it is interrupted.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.commands.batch.runs import files, finish, manifest, started
from tests.support.paths import CHELSEA, ROOT
from tests.support.processes import command_line, descendants
from tests.support.service import wait_for

pytestmark = pytest.mark.slow

# The command with small tasks, whose rows it writes to the manifest at once.
TASK_SIZE = 8
# More than a worker has threads (Job.calls).
THREADS = 16
BATCH_IN_SMALL_TASKS = (
    sys.executable,
    "-c",
    "from cli import main; from commands.batch import fleet, manifest; "
    f"fleet.TASK_SIZE = {TASK_SIZE}; manifest.SECONDS = 0; main()",
    "batch",
)


class Archive:
    """A folder of photos 000.jpg, 001.jpg, ..., and the results of runs over it. The last file is no photo."""

    def __init__(self, folder: Path, tasks: int) -> None:
        self.photos, self.out = folder / "photos", folder / "out"
        self.photos.mkdir()
        *names, self.broken = (f"{number:03}.jpg" for number in range(tasks * TASK_SIZE))
        for name in names:
            (self.photos / name).symlink_to(CHELSEA)
        (self.photos / self.broken).write_bytes(b"no photo")
        self.names = [*names, self.broken]

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the manifest; none before its first file."""
        return manifest(self.out) if (self.out / "manifest").exists() else {}

    def masks(self) -> set[str]:
        """Return the names of the photos that have a mask."""
        return {path.name.removesuffix(".mask.png") for path in self.out.glob("*.png")}

    @contextmanager
    def blocked_run(self, environment: dict[str, str]) -> Iterator[tuple["subprocess.Popen[str]", int]]:
        """Start a run that can't finish, because its worker waits at photos of the third and fourth task that is left.

        Yield the process of the command, and the process id of its worker, when the manifest has rows of this run.
        """
        before = self.rows()
        left = [name for name in self.names if name not in before]
        # One thread of the worker can wait at each of them, and no photo after them is begun.
        blocking = left[2 * TASK_SIZE : 2 * TASK_SIZE + THREADS]
        arguments = [self.photos, self.out, "--size", "model", "--workers", 1]
        with started(*arguments, cwd=ROOT, environment=environment, command=BATCH_IN_SMALL_TASKS) as process:
            assert process.stderr
            assert next(line for line in process.stderr if line.startswith("starting Ray"))
            # A process that opens a named pipe for reading waits for a writer.
            for name in blocking:
                (self.photos / name).unlink()
                os.mkfifo(self.photos / name)

            def has_new_rows() -> bool:
                assert process.poll() is None, process.communicate()
                return len(self.rows()) > len(before)

            def workers() -> list[int]:
                # Ray's API of its state needs Ray's dashboard, which `batch` does not start.
                return [pid for pid in descendants(process.pid) if command_line(pid).startswith("ray::RemoteWorker")]

            # The first new rows may be some that a killed run had left, before there is a worker.
            wait_for(lambda: has_new_rows() and len(workers()) == 1)
            [worker] = workers()
            # A worker that waits already goes on waiting; the next one reads the photo.
            for name in blocking:
                (self.photos / name).unlink()
                (self.photos / name).symlink_to(CHELSEA)
            yield process, worker


def is_running(pid: int) -> bool:
    # A process that has ended and that its parent has not waited for has no executable file.
    return Path(f"/proc/{pid}/exe").exists()


def test_batch_after_interrupt_kill_and_lost_worker_processes_each_photo_once(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    archive = Archive(tmp_path, tasks=20)

    with archive.blocked_run(environment) as (process, _):
        before = archive.rows()
        below = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        output = finish(process, status=130)
        wait_for(lambda: not any(map(is_running, below)))
    interrupted = archive.rows()
    assert before.items() <= interrupted.items()
    left = len(archive.names) - len(interrupted)
    assert output.startswith(f"{len(interrupted)} done, 0 skipped, 0 broken, {left} left in ")

    with archive.blocked_run(environment) as (process, worker):
        before = archive.rows()
        process.kill()
        finish(process, status=-signal.SIGKILL)
        wait_for(lambda: not is_running(worker))
    killed = archive.rows()
    assert interrupted.items() < before.items() <= killed.items()

    with archive.blocked_run(environment) as (process, worker):
        before = archive.rows()
        os.kill(worker, signal.SIGKILL)
        output = finish(process, status=1)
    rows = archive.rows()
    assert killed.items() < before.items() <= rows.items()
    # A task that was recorded when the run was killed may have rows that the manifest did not have then.
    skipped = int(output.split()[2])
    assert len(killed) <= skipped <= len(killed) + 4 * TASK_SIZE
    done = len(archive.names) - skipped - 1
    assert output.startswith(f"{done} done, {skipped} skipped, 1 broken, 0 left in ")
    assert set(rows) == set(archive.names)
    assert [name for name, row in rows.items() if row["error"]] == [archive.broken]
    expected = {archive.out / row["mask"] for row in rows.values() if row["mask"]}
    assert {path for path in files(archive.out) if path.suffix != ".parquet"} == expected
    assert len({path.read_bytes() for path in expected}) == 1
