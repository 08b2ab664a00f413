"""Which files of a watched folder are complete."""

from pathlib import Path

import pytest

from commands.watch import arrivals
from commands.watch.arrivals import Arrivals


class Clock:
    """A clock that the tests set."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(arrivals, "time", clock)
    return clock


def complete(found: Arrivals) -> list[str]:
    return [path.name for path, _ in found.complete()]


def test_file_is_complete_when_it_has_stopped_growing(tmp_path: Path, clock: Clock) -> None:
    found = Arrivals(tmp_path, None, settle=2)
    (tmp_path / "a.jpg").write_bytes(b"first")
    found.see(tmp_path / "a.jpg")
    clock.now = 1.9
    assert complete(found) == []
    (tmp_path / "a.jpg").write_bytes(b"first and second")  # without an event
    clock.now = 2.0
    assert complete(found) == []
    clock.now = 4.0
    assert complete(found) == ["a.jpg"]
    found.scan()
    clock.now = 8.0
    assert complete(found) == []


def test_file_that_changes_is_complete_again(tmp_path: Path, clock: Clock) -> None:
    found = Arrivals(tmp_path, None, settle=2)
    for content in (b"one", b"other"):
        (tmp_path / "a.jpg").write_bytes(content)
        found.scan()
        clock.now += 2
        assert complete(found) == ["a.jpg"]


def test_file_that_is_deleted_is_forgotten(tmp_path: Path, clock: Clock) -> None:
    found = Arrivals(tmp_path, None, settle=2)
    (tmp_path / "a.jpg").touch()
    found.scan()
    (tmp_path / "a.jpg").unlink()
    clock.now = 2
    assert complete(found) == []


def test_scan_finds_files_in_new_subfolder_but_not_in_links_and_results(tmp_path: Path, clock: Clock) -> None:
    found = Arrivals(tmp_path, tmp_path / "out", settle=2)
    for name in ("new/deep/a.jpg", "out/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    for name in ("new", "out", "out/b.jpg", "loop", "loop/new/deep/a.jpg"):
        found.see(tmp_path / name)
    clock.now = 2
    assert complete(found) == ["a.jpg"]
