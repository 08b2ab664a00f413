"""The journal: what it remembers, whose results it refuses, and that two runs do not share it."""

from pathlib import Path

import pytest

from commands.shared.again import Version
from commands.watch import journal
from commands.watch.journal import Journal
from core.errors import SegmenterError

ONE, OTHER = Version(1, 1), Version(1, 2)
# Names of Linux are bytes.
LATIN = Path(b"gr\xfcn.jpg".decode(errors="surrogateescape"))


def test_journal_remembers_versions_of_photos(tmp_path: Path) -> None:
    with Journal(tmp_path, {"--output": "mask"}) as kept:
        kept.add(LATIN, ONE, None)
        kept.add_error(Path("b.jpg"), ONE, "damaged", "version 1")
    with Journal(tmp_path, {"--output": "mask"}) as kept:
        assert kept.has(LATIN, ONE)
        assert kept.has(Path("b.jpg"), ONE)
        assert not kept.has(LATIN, OTHER)
        kept.add(LATIN, OTHER, None)
        assert kept.has(LATIN, OTHER)


def test_journal_of_another_identity_raises_segmenter_error(tmp_path: Path) -> None:
    with Journal(tmp_path, {"--output": "mask"}):
        pass
    with pytest.raises(SegmenterError, match=f"{tmp_path} was made with --output='mask', not 'overlay'; use the same"):
        Journal(tmp_path, {"--output": "overlay"})


def test_journal_in_use_raises_segmenter_error(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, {}),
        pytest.raises(SegmenterError, match="another watch writes to this folder; end it, or use another one"),
    ):
        Journal(tmp_path, {})


def test_journal_that_is_no_database_raises_segmenter_error(tmp_path: Path) -> None:
    (tmp_path / journal.FILE).write_bytes(bytes(range(256)) * 40)
    with pytest.raises(SegmenterError, match=f"{tmp_path}/{journal.FILE} can't be used: file is not a database"):
        Journal(tmp_path, {})


def test_photos_with_one_result_on_file_system_that_ignores_case_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "ignores_case", lambda _: True)
    with Journal(tmp_path, {}) as kept:
        kept.add(Path("A.jpg"), ONE, None)
        assert kept.same_result(Path("a.JPG")) == Path("A.jpg")
        assert kept.same_result(Path("A.jpg")) is None
        assert kept.same_result(Path("b.jpg")) is None
