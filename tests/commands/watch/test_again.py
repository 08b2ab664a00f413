"""`cli.py watch`: results that are gone or changed, and errors that are tried again."""

from pathlib import Path

import pytest

from tests.commands.watch.test_watch import files, watched
from tests.support.paths import CHELSEA


def test_watch_makes_missing_results_again_and_tries_errors_again_as_its_options_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "broken.jpg").write_bytes(b"no photo")
    (source / "large.jpg").write_bytes(CHELSEA.read_bytes() + bytes(1_000_000))
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")
    with watched(tmp_path) as watch:
        watch.wait_for_line("broken.jpg: ")
        watch.wait_for_line("large.jpg: the file is larger than 1 MB")
        for name in ("changed.jpg", "kept.jpg", "missing.jpg"):
            watch.put(CHELSEA, name)
        assert watch.end() == 0
    (out / "missing.jpg.overlay.png").unlink()
    (out / "changed.jpg.overlay.png").write_bytes(b"by hand")
    before = files(out)

    # The cause of an error has gone with its limit.
    monkeypatch.delenv("MAX_UPLOAD_MB")
    with watched(tmp_path, "--check") as watch:
        watch.wait_for_line("missing.jpg -> ")
        watch.wait_for_line("large.jpg -> ")
        watch.wait_for_line(f"{out}/changed.jpg.overlay.png: the result was changed")
        assert watch.end() == 0
    assert files(out).items() >= before.items()
    assert not any(line.startswith("broken.jpg") for line in watch.lines())

    (out / "missing.jpg.overlay.png").unlink()
    with watched(tmp_path, "--retry-errors") as watch:
        watch.wait_for_line("broken.jpg: ")
        watch.put(CHELSEA, "last.jpg")
        assert watch.end() == 0
    assert not any(line.startswith("missing.jpg") for line in watch.lines())
