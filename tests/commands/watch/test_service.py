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
    ("kind", "is_written_off"),
    [
        (InvalidImage, True),
        (UnsupportedImage, True),
        (ImageTooLarge, True),
        (DecoderLost, False),
        (InferenceFailed, False),
    ],
)
def test_photo_is_written_off_only_if_it_is_at_fault(
    kind: type[SegmenterError], is_written_off: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"photo")
    with Journal(tmp_path, {}) as journal:
        failing_watch(tmp_path, journal, kind("the reason"))._process(tmp_path / "a.jpg", VERSION)
        assert journal.has(Path("a.jpg"), VERSION) == is_written_off
    assert capsys.readouterr().err == "a.jpg: the reason\n"
