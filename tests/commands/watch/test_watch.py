"""`cli.py watch` in its own process: arrivals, damaged photos, a full disk, restarts, and its end."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.processes import process_group
from tests.support.service import TIMEOUT, wait_for

# Looks at folders all the time, so that the tests do not wait.
CODE = "from cli import main; from commands.watch import service; service.RETRY = service.SCAN = 0.2; main()"


class Watched:
    """A running watch of `folder`/in, whose lines go to the file `log`."""

    def __init__(self, folder: Path, log: Path, process: "subprocess.Popen[str]") -> None:
        self.source = folder / "in"
        self.target = folder / "out"
        self._log = log
        self._process = process

    def lines(self) -> list[str]:
        return self._log.read_text().splitlines()

    def wait_for_line(self, start: str) -> None:
        def is_there() -> bool:
            assert self._process.poll() is None, self.lines()
            return any(line.startswith(start) for line in self.lines())

        wait_for(is_there)

    def put(self, photo: Path, name: str) -> None:
        """Move a copy of `photo` into the folder, and wait for its result."""
        (self.source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, self.source.parent / "moving")
        (self.source.parent / "moving").rename(self.source / name)
        self.wait_for_line(f"{name} -> ")

    def end(self) -> int:
        """Send SIGTERM, and return the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(TIMEOUT)


@contextmanager
def watched(folder: Path, *options: str) -> Iterator[Watched]:
    """Start a watch; the block begins when it watches."""
    (folder / "in").mkdir(exist_ok=True)
    log = folder / f"log{len(list(folder.glob('log*')))}"
    command = [sys.executable, "-c", CODE, "watch", str(folder / "in"), str(folder / "out"), "--settle", "0.3"]
    environment = os.environ | {"IMAGE_SIZE": "65"}
    with (
        log.open("w") as output,
        process_group([*command, *options], env=environment, stdout=output, stderr=output) as process,
    ):
        watch = Watched(folder, log, process)
        watch.wait_for_line("watching ")
        yield watch


def files(folder: Path) -> dict[str, int]:
    """Return the time of the last change of each result in `folder`."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.png")}


def test_watch_segments_what_arrives_also_while_it_is_not_running(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(CHELSEA, tmp_path / "in" / "early.jpg")
    with watched(tmp_path) as watch:
        watch.wait_for_line("early.jpg -> ")
        watch.put(ASTRONAUT, "new/deep/a.JPG")
        (watch.source / "broken.jpg").write_bytes(CHELSEA.read_bytes()[:5000])
        watch.wait_for_line("broken.jpg: the image is truncated or damaged")
        (watch.source / "notes.txt").write_text("no photo")
        watch.wait_for_line("left out, not photos: notes.txt")
        watch.put(CHELSEA, "after.jpg")
        assert watch.end() == 0
    first = files(tmp_path / "out")
    assert set(first) == {f"{name}.overlay.png" for name in ("early.jpg", "new/deep/a.JPG", "after.jpg")}

    # The results of the first run may be moved away.
    (tmp_path / "out" / "early.jpg.overlay.png").unlink()
    shutil.copy(CHELSEA, tmp_path / "in" / "meanwhile.jpg")
    shutil.copy(CHELSEA, tmp_path / "in" / "broken.jpg")
    with watched(tmp_path) as watch:
        watch.wait_for_line("meanwhile.jpg -> ")
        watch.wait_for_line("broken.jpg -> ")
        watch.put(ASTRONAUT, "last.jpg")
        assert watch.end() == 0
        assert len(watch.lines()) == 6, watch.lines()  # with those of the start, of notes.txt and of the end
    second = files(tmp_path / "out")
    assert set(second) - set(first) == {f"{name}.overlay.png" for name in ("meanwhile.jpg", "broken.jpg", "last.jpg")}
    assert set(first) - set(second) == {"early.jpg.overlay.png"}
    assert all(first[name] == second[name] for name in set(first) & set(second))


def test_watch_of_folder_that_is_its_own_target_ignores_its_results(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "in")
    with watched(tmp_path) as watch:
        watch.put(CHELSEA, "a.jpg")
        watch.put(CHELSEA, "b.jpg")
        assert watch.end() == 0
    assert set(files(tmp_path / "in")) == {"a.jpg.overlay.png", "b.jpg.overlay.png"}


def test_watch_goes_on_after_results_that_can_not_be_written_and_odd_names(tmp_path: Path) -> None:
    for name in ("in/day", "in/other", "out/a.jpg.overlay.png/x", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "out" / "day").symlink_to(tmp_path / "elsewhere")
    with watched(tmp_path) as watch:
        shutil.copy(CHELSEA, watch.source / "day" / "a.jpg")
        watch.wait_for_line("day/a.jpg: a link leads out of ")
        shutil.copy(CHELSEA, watch.source / "a.jpg")
        watch.wait_for_line("a.jpg: ")
        shutil.copy(os.fsencode(CHELSEA), os.fsencode(watch.source) + b"/gr\xfcn.jpg")
        watch.wait_for_line("gr\\udcfcn.jpg -> ")
        watch.put(CHELSEA, "other/a.jpg")
        assert watch.end() == 0
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert b"gr\xfcn.jpg.overlay.png" in os.listdir(os.fsencode(tmp_path / "out"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB at tmp_path/out."""
    disk = tmp_path / "out"
    disk.mkdir()
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)], check=False)
    if mounting.returncode:
        pytest.skip("this user may not mount a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_watch_waits_while_the_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    with watched(tmp_path) as watch:
        watch.put(CHELSEA, "a.jpg")
        filling = small_disk / "filling"
        space = os.statvfs(small_disk)
        filling.write_bytes(bytes(space.f_bavail * space.f_bsize))
        shutil.copy(CHELSEA, watch.source / "b.jpg")
        message = f"{small_disk} can't be written: No space left on device; waiting, and trying every 0.2 s"
        watch.wait_for_line(message)
        filling.unlink()
        watch.wait_for_line(f"{small_disk} can be written again")
        watch.wait_for_line("b.jpg -> ")
        assert watch.lines().count(message) == 1

        space = os.statvfs(small_disk)
        filling.write_bytes(bytes(space.f_bavail * space.f_bsize))
        shutil.copy(CHELSEA, watch.source / "c.jpg")
        wait_for(lambda: watch.lines().count(message) == 2)
        assert watch.end() == 0
    assert set(files(small_disk)) == {"a.jpg.overlay.png", "b.jpg.overlay.png"}
    filling.unlink()
    with watched(tmp_path) as watch:
        watch.wait_for_line("c.jpg -> ")
        assert watch.end() == 0
