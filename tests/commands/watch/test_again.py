"""`cli.py watch`: odd names, results that are gone or changed, and errors that are tried again."""

import os
import shutil
from pathlib import Path

import pytest

from tests.commands.watch.test_watch import files, watched
from tests.support.paths import CHELSEA


def test_watch_goes_on_after_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    with watched(tmp_path) as watch:
        shutil.copy(os.fsencode(CHELSEA), os.fsencode(watch.source) + b"/gr\xfcn.jpg")
        watch.wait_for_line("gr\\udcfcn.jpg -> ")
        watch.put(CHELSEA, "b.jpg")
        assert watch.end() == 0
    assert sorted(os.listdir(os.fsencode(tmp_path / "out")))[:2] == [b"b.jpg.overlay.png", b"gr\xfcn.jpg.overlay.png"]


def test_watch_with_check_makes_missing_results_again_and_names_changed_ones(tmp_path: Path) -> None:
    names = ("changed.jpg", "kept.jpg", "missing.jpg")
    with watched(tmp_path) as watch:
        for name in names:
            watch.put(CHELSEA, name)
        assert watch.end() == 0
    (tmp_path / "out" / "missing.jpg.overlay.png").unlink()
    (tmp_path / "out" / "changed.jpg.overlay.png").write_bytes(b"by hand")
    before = files(tmp_path / "out")
    with watched(tmp_path, "--check") as watch:
        watch.wait_for_line("missing.jpg -> ")
        watch.wait_for_line(f"{tmp_path}/out/changed.jpg.overlay.png: the result was changed")
        assert watch.end() == 0
    assert files(tmp_path / "out").items() >= before.items()


def test_watch_tries_errors_again_when_a_limit_was_raised_and_all_with_retry_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.jpg").write_bytes(b"no photo")
    (tmp_path / "in" / "large.jpg").write_bytes(CHELSEA.read_bytes() + bytes(1_000_000))
    monkeypatch.setenv("MAX_UPLOAD_MB", "1")
    with watched(tmp_path) as watch:
        watch.wait_for_line("broken.jpg: ")
        watch.wait_for_line("large.jpg: the file is larger than 1 MB")
        assert watch.end() == 0
    monkeypatch.delenv("MAX_UPLOAD_MB")
    with watched(tmp_path) as watch:
        watch.wait_for_line("large.jpg -> ")
        assert watch.end() == 0
    assert not any(line.startswith("broken.jpg") for line in watch.lines())
    with watched(tmp_path, "--retry-errors") as watch:
        watch.wait_for_line("broken.jpg: ")
        assert watch.end() == 0
