"""`cli.py batch` with real Ray: each photo is processed once, also after interrupted and killed runs.

The tests block a worker at a named pipe, which replaces a photo when the run has listed it, so that a run is in a known
state when it is interrupted.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
import pytest
from PIL import Image

from core.errors import SegmenterError
from core.image.decode import read_image
from core.model import ModelWrapper
from core.output.encode import encode_mask
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.processes import command_line, descendants, process_group, with_variable
from tests.support.service import TIMEOUT, wait_for

pytestmark = pytest.mark.slow

BATCH = (sys.executable, str(ROOT / "cli.py"), "batch")
# The same command with small tasks, whose rows it writes to the manifest at once.
TASK_SIZE = 8
BATCH_IN_SMALL_TASKS = (
    sys.executable,
    "-c",
    "from cli import cli; from commands.batch import driver, manifest; "
    f"driver.TASK_SIZE = {TASK_SIZE}; manifest.SECONDS = 0; cli()",
    "batch",
)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """The environment of a run, with a folder for Ray's files. Afterwards, wait until all processes of Ray have ended.

    pytest's temporary folders have longer paths than Ray's sockets may have.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield os.environ | {"IMAGE_SIZE": "65", "TMPDIR": folder}
        # Some processes of Ray end a minute after their driver was killed.
        wait_for(lambda: not with_variable("TMPDIR", folder))


@contextmanager
def started(
    *arguments: object, cwd: Path, environment: dict[str, str], command: tuple[str, ...] = BATCH
) -> Iterator["subprocess.Popen[str]"]:
    pipe = subprocess.PIPE
    with process_group([*command, *map(str, arguments)], cwd=cwd, env=environment, stdout=pipe, stderr=pipe) as process:
        yield process


def finish(process: "subprocess.Popen[str]", status: int = 0) -> str:
    """Wait until `process` ends with `status`, and return its standard output."""
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == status, errors
    return output


def manifest(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of the manifest by the paths of the photos. Each photo must have one row."""
    rows = pyarrow.dataset.dataset(out / "manifest").to_table().to_pylist()
    by_path = {row["path"]: row for row in rows}
    assert len(by_path) == len(rows)
    return by_path


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return the inode and the time of each file, which change if the file is written again."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.suffix == ".part")
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def test_batch_processes_each_photo_once_and_later_runs_only_new_ones(
    tmp_path: Path, environment: dict[str, str], small_model: ModelWrapper
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos" / "out"
    (photos / "more").mkdir(parents=True)
    shutil.copy(ASTRONAUT, photos / "astronaut.jpg")
    shutil.copy(CHELSEA, photos / "more" / "cat.JPG")
    (photos / "loop").symlink_to(photos)
    (photos / "truncated.png").write_bytes(CHELSEA.read_bytes()[:5000])
    (photos / "empty.jpg").touch()
    (photos / "notes.txt").write_text("not a photo, by its name")
    # Ray's workers must import the modules of the project, not these files in the current folder of the command.
    for module in ("config", "segmenter"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit")

    def batch(*arguments: object) -> str:
        options = "--size", "model", "--ray", "local"
        with started(*arguments, *options, cwd=tmp_path, environment=environment) as process:
            return finish(process, status=1)  # two photos are broken

    assert batch("photos", "photos/out").startswith("2 done, 0 skipped, 2 broken, 0 left in ")
    rows = manifest(out)
    assert set(rows) == {"astronaut.jpg", "more/cat.JPG", "truncated.png", "empty.jpg"}
    for name in ("truncated.png", "empty.jpg"):
        with pytest.raises(SegmenterError) as caught:
            read_image((photos / name).read_bytes(), 10**9, 65)
        assert rows[name] == dict.fromkeys(rows[name]) | {"path": name, "error": str(caught.value)}
    cat = rows["more/cat.JPG"]
    assert (cat["size"], cat["mask"], cat["error"]) == ([65, 43], "more/cat.JPG.mask.png", None)
    with Image.open(out / cat["mask"]) as mask:
        assert cat["areas"][cat["objects"].index("cat")] == np.count_nonzero(np.asarray(mask) == 8)
    written = files(out)
    assert len(written) == 3

    # The folder of the masks is in that of the photos; the masks are not taken for photos.
    assert batch(photos, out).startswith("0 done, 4 skipped, 0 broken, 0 left in ")
    assert files(out) == written

    shutil.copy(CHELSEA, photos / "new.tif")
    assert batch(f"file://{photos}", f"file://{out}").startswith("1 done, 4 skipped, 0 broken, 0 left in ")
    assert manifest(out).keys() - rows.keys() == {"new.tif"}
    assert files(out).items() > written.items()
    encoded = small_model.segment(CHELSEA.read_bytes(), encode_mask)
    assert (out / "new.tif.mask.png").read_bytes() == encoded.content


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
        """Start a run that can't finish, because its worker waits at a photo of the fifth task that is left.

        Yield the process of the command, and the process id of its worker, when the manifest has rows of this run. Ray
        may start the tasks in another order, but at most four at a time: the first that ends is one before the fifth.
        """
        before = self.rows()
        left = [name for name in self.names if name not in before]
        blocking, *others = left[4 * TASK_SIZE : 5 * TASK_SIZE]
        # An interrupted run may have left masks of photos that have no row.
        for name in others:
            (self.out / f"{name}.mask.png").unlink(missing_ok=True)
        arguments = [self.photos, self.out, "--size", "model", "--workers", 1]
        with started(*arguments, cwd=ROOT, environment=environment, command=BATCH_IN_SMALL_TASKS) as process:
            assert process.stderr
            assert next(line for line in process.stderr if line.startswith("starting Ray"))
            # A process that opens a named pipe for reading waits for a writer.
            (self.photos / blocking).unlink()
            os.mkfifo(self.photos / blocking)

            def is_blocked() -> bool:
                assert process.poll() is None, process.communicate()
                return len(self.rows()) > len(before) and self.masks().issuperset(others)

            wait_for(is_blocked)
            # Ray's API of its state needs Ray's dashboard, which `batch` does not start.
            [worker] = (pid for pid in descendants(process.pid) if command_line(pid).startswith("ray::MapWorker"))
            # A worker that waits already goes on waiting; the next one reads the photo.
            (self.photos / blocking).unlink()
            (self.photos / blocking).symlink_to(CHELSEA)
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
    done = len(archive.names) - len(killed) - 1
    assert output.startswith(f"{done} done, {len(killed)} skipped, 1 broken, 0 left in ")
    assert set(rows) == set(archive.names)
    assert [name for name, row in rows.items() if row["error"]] == [archive.broken]
    expected = {archive.out / row["mask"] for row in rows.values() if row["mask"]}
    assert {path for path in files(archive.out) if path.suffix != ".parquet"} == expected
    assert len({path.read_bytes() for path in expected}) == 1


def test_batch_in_one_process_goes_on_where_ray_was_interrupted_and_back(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    counts = []
    for number, option in enumerate([["--ray"], [], ["--ray"]]):
        shutil.copy(CHELSEA, photos / f"{number}.jpg")
        with started(photos, out, *option, cwd=tmp_path, environment=environment) as process:
            counts.append(finish(process).partition(" in ")[0])
    assert counts == [f"1 done, {number} skipped, 0 broken, 0 left" for number in range(3)]
    assert set(manifest(out)) == {"0.jpg", "1.jpg", "2.jpg"}
    assert len({path.read_bytes() for path in out.glob("*.png")}) == 1
