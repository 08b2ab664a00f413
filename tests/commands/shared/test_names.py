"""Names of photos and results: the safe ones, and those that are one file."""

from pathlib import Path

import pytest

from commands.shared.names import check_path, duplicates, ignores_case
from core.errors import SegmenterError
from tests.support.hostile_names import HOSTILE_NAMES


@pytest.mark.parametrize("path", HOSTILE_NAMES)
def test_check_path_that_can_lead_out_of_its_folder_raises_an_error_with_the_escaped_name(path: str) -> None:
    with pytest.raises(SegmenterError, match=r"can't be used: the name has .*; rename it$") as caught:
        check_path(path)
    assert str(caught.value).startswith(repr(path))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "path", ["a.jpg", "sub/a b.jpg", "..a/b...jpg", "C:/x.jpg", "\u00fc/\u4e2d.jpg", ".hidden/a.jpg"]
)
def test_check_path_below_its_folder_is_allowed(path: str) -> None:
    check_path(path)


def test_ignores_case_of_a_linux_file_system_is_false_and_leaves_nothing(tmp_path: Path) -> None:
    assert not ignores_case(tmp_path / "missing" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_duplicates_are_paths_that_differ_in_case_or_composition_only() -> None:
    paths = ["a/B.jpg", "a/c.jpg", "A/b.JPG", "\u00e9.jpg", "e\u0301.jpg"]
    assert list(duplicates(paths)) == [("a/B.jpg", "A/b.JPG"), ("\u00e9.jpg", "e\u0301.jpg")]
