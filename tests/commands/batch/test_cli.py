"""`python cli.py batch`, with real Ray: every photo once, whatever is broken, killed or interrupted."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
import pytest
from PIL import Image

from core.errors import SegmenterError
from core.image.decode import read_image
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.processes import command_line, descendants, process_group
from tests.support.service import TIMEOUT

COMMAND = [sys.executable, str(ROOT / "cli.py"), "batch"]


def batch(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT)


def manifest(out: Path) -> dict[str, dict[str, Any]]:
    """Return the manifest's rows by their paths, of which there is one each."""
    rows = pyarrow.dataset.dataset(out / "manifest").to_table().to_pylist()
    assert max(Counter(row["path"] for row in rows).values()) == 1
    return {row["path"]: row for row in rows}


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return inode and time of what was written: what is done again has others."""
    found = (path for path in folder.rglob("*") if path.is_file() or path.suffix == ".part")
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def wait_for(condition: Callable[[], object], seconds: float = TIMEOUT) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_each_photo_once_and_a_resumed_run_does_nothing_twice(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos" / "out"
    (photos / "more").mkdir(parents=True)
    shutil.copy(ASTRONAUT, photos / "astronaut.jpg")
    shutil.copy(CHELSEA, photos / "more" / "cat.JPG")
    (photos / "loop").symlink_to(photos)
    (photos / "truncated.png").write_bytes(CHELSEA.read_bytes()[:5000])
    (photos / "empty.jpg").touch()
    (photos / "notes.txt").write_text("not a photo, by its name")
    # A name that the project has too, in the folder where the command is run.
    (tmp_path / "app.py").write_text("raise SystemExit('not ours')")

    first = batch("photos", "photos/out", folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("2 done, 0 skipped, 2 broken, 0 left in ")
    rows = manifest(out)
    assert set(rows) == {"astronaut.jpg", "more/cat.JPG", "truncated.png", "empty.jpg"}
    for name in ("truncated.png", "empty.jpg"):
        with pytest.raises(SegmenterError) as caught:
            read_image((photos / name).read_bytes(), 10**9, enough=513)
        assert rows[name] == dict.fromkeys(rows[name]) | {"path": name, "error": str(caught.value)}
    cat = rows["more/cat.JPG"]
    assert (cat["size"], cat["mask"], cat["error"]) == ([513, 341], "mask/more/cat.JPG.mask.png", None)
    with Image.open(out / cat["mask"]) as mask:
        assert cat["areas"][cat["objects"].index("cat")] == np.count_nonzero(np.asarray(mask) == 8)
    written = files(out)
    assert len(written) == 3

    again = batch(photos, out, folder=tmp_path)
    assert (again.returncode, again.stdout[:10]) == (0, "0 done, 4 ")
    assert files(out) == written  # not even the masks, below the photos' folder, were taken for photos

    shutil.copy(CHELSEA, photos / "new.tif")
    more = batch(f"file://{photos}", f"file://{out}", folder=tmp_path)
    assert more.stdout.startswith("1 done, 4 skipped, 0 broken, 0 left in "), more.stderr
    assert manifest(out).keys() - rows.keys() == {"new.tif"}
    assert files(out).items() > written.items()

    predicted = subprocess.run(
        [sys.executable, ROOT / "cli.py", "predict", CHELSEA, "--output", "mask", "--size", "model", "-o", "-"],
        capture_output=True,
        check=True,
    )
    assert (out / "mask" / "new.tif.mask.png").read_bytes() == predicted.stdout


@pytest.fixture
def temporary() -> Iterator[str]:
    """A folder for Ray's files, which a killed command leaves behind; pytest's own are too long for Ray's sockets."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield folder


def test_whatever_is_stopped_or_killed_each_photo_is_done_once(tmp_path: Path, temporary: str) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    names = {f"{number:03}.jpg" for number in range(300)}
    for name in names:
        (photos / name).symlink_to(CHELSEA)
    (photos / "150.jpg").unlink()
    (photos / "150.jpg").write_bytes(b"broken")

    def masks() -> int:
        return len(list((out / "mask").glob("*.png")))

    @contextmanager
    def started() -> Iterator[tuple["subprocess.Popen[str]", int]]:
        """Yield the command, and the process of its worker, when that has done some photos."""
        before = masks()
        command = [*COMMAND, str(photos), str(out), "--workers", "1"]
        settings = os.environ | {"TMPDIR": temporary, "IMAGE_SIZE": "257"}
        with process_group(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_for(lambda: masks() >= before + 70 or process.poll() is not None)
            # Ray's state API would tell the worker, too, but needs Ray's dashboard, which `batch` does not start.
            [worker] = (pid for pid in descendants(process.pid) if command_line(pid).startswith("ray::MapWorker"))
            yield process, worker

    def gone(*processes: int) -> bool:
        return not any(Path(f"/proc/{pid}/exe").exists() for pid in processes)

    with started() as (stopped, _):
        below = descendants(stopped.pid)
        stopped.send_signal(signal.SIGINT)
        told, _ = stopped.communicate(timeout=TIMEOUT)
    assert stopped.returncode == 130
    wait_for(lambda: gone(*below))
    settled = manifest(out)
    assert told.startswith(f"{len(settled)} done, 0 skipped, 0 broken, {300 - len(settled)} left in ")

    with started() as (killed, worker):
        killed.kill()
        killed.communicate(timeout=TIMEOUT)
    wait_for(lambda: gone(worker))  # some of Ray's own processes take another minute
    assert settled.items() <= manifest(out).items()

    with started() as (finishing, worker):
        os.kill(worker, signal.SIGKILL)
        told, errors = finishing.communicate(timeout=TIMEOUT)
    assert finishing.returncode == 0, errors
    assert " 1 broken, 0 left in " in told
    rows = manifest(out)
    assert rows.keys() == names
    assert [name for name, row in rows.items() if row["error"]] == ["150.jpg"]
    expected = {out / row["mask"] for row in rows.values() if row["mask"]}
    assert set(files(out / "mask")) == expected
    assert len({path.read_bytes() for path in expected}) == 1


def test_what_can_not_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    file = batch(CHELSEA, "out", folder=tmp_path)
    assert file.stderr == f"Error: INPUT='{CHELSEA}' is not a folder; photos by themselves are for predict\n"
    nothing = batch("empty", "out", folder=tmp_path)
    assert nothing.stderr == f"Error: there are no photos in file://{tmp_path}/empty\n"
    unknown = batch("nosuch://bucket", "out", folder=tmp_path)
    assert unknown.stderr.startswith("Error: nosuch://bucket can't be opened: Protocol not known: nosuch")
    wrong_class = batch("empty", "out", "--classes", "unicorn", folder=tmp_path)
    assert wrong_class.stderr.startswith("Error: classes: 'unicorn' is not a class; allowed: ")
    (tmp_path / "photos").mkdir()
    shutil.copy(CHELSEA, tmp_path / "photos")
    nobody = batch("photos", "out", "--ray", "127.0.0.1:9", folder=tmp_path)
    assert "Error: --ray='127.0.0.1:9' can't be reached: " in nobody.stderr
    shutil.rmtree(tmp_path / "photos")
    assert {nobody.returncode, file.returncode, nothing.returncode, unknown.returncode, wrong_class.returncode} == {1}
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_without_ray_it_says_how_to_get_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from cli import cli; cli()"
    command = [sys.executable, "-c", code, "batch", str(tmp_path), str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    requirements = "commands/batch/requirements.txt"
    assert run.stderr == f"Error: batch needs ray, which is not installed; get it with: pip install -r {requirements}\n"
    assert (run.returncode, (ROOT / requirements).exists()) == (1, True)
