"""The photos that `watch` writes off, and those that it tries again after a restart."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from commands.shared.again import Again, Version
from commands.shared.stop import Stop
from commands.watch.arrivals import Arrivals
from commands.watch.journal import Journal
from commands.watch.service import Watch
from config import Settings
from core.errors import DecoderLost, ImageTooLarge, InferenceFailed, InvalidImage, SegmenterError, UnsupportedImage
from core.types import Options

VERSION = Version(1, 1)


def failing_watch(folder: Path, journal: Journal, error: SegmenterError) -> Watch:
    """Return a watch of `folder` whose model raises `error` at each photo."""

    def segment(*_: Any, **__: Any) -> None:
        raise error

    model: Any = SimpleNamespace(segment=segment)
    arrivals = Arrivals(folder, None, 0)
    again = Again(retry_errors=False, check=False)
    return Watch(folder, folder, "mask", model, None, Options(), journal, arrivals, Stop(), Settings(), again)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (InvalidImage, ""),
        (UnsupportedImage, ""),
        (ImageTooLarge, ""),
        (DecoderLost, "; it is tried again in 10 s"),
        (InferenceFailed, "; it is tried again in 10 s"),
        (SegmenterError, "; it is tried again when it changes, and after a restart"),
    ],
)
def test_photo_is_written_off_only_if_it_is_at_fault(
    kind: type[SegmenterError], more: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"photo")
    with Journal(tmp_path, {}) as journal:
        failing_watch(tmp_path, journal, kind("the reason"))._process(tmp_path / "a.jpg", VERSION)
        assert journal.has(Path("a.jpg"), VERSION) == (not more)
    assert capsys.readouterr().err == f"a.jpg: the reason{more}\n"


def test_photo_whose_decoder_is_lost_is_tried_again_a_limited_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("commands.watch.retries.DELAYS", (0.0, 0.0))
    (tmp_path / "a.jpg").write_bytes(b"photo")
    with Journal(tmp_path, {}) as journal:
        watch = failing_watch(tmp_path, journal, DecoderLost("the reason"))
        for tries in (3, 0, 3):
            if tries:  # a new photo, or one that has changed
                (tmp_path / "a.jpg").write_bytes(b"photo" * (1 + len(capsys.readouterr().err)))
            watch.arrivals.see(tmp_path / "a.jpg")
            for _ in range(5):
                for path, version in watch.arrivals.complete():
                    watch._process(path, version)
            lines = capsys.readouterr().err.splitlines()
            assert len(lines) == tries
            assert [line.endswith("tried again in 0 s") for line in lines] == [True, True, False][:tries]
