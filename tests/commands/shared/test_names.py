"""Names of photos and results: the safe ones, and those that are one file."""

from pathlib import Path, PurePath

import pytest

from commands.shared.names import check_path, equal_results, ignores_case, result_name, results_in_the_way
from core.errors import SegmenterError
from tests.support.hostile_names import HOSTILE_NAMES


@pytest.mark.parametrize(
    ("photo", "output", "result"),
    [
        ("a.jpg", "overlay", "a.jpg.overlay.png"),
        ("day/a.b.JPG", "objects", "day/a.b.JPG.objects.json"),
        ("stdin", "mask", "stdin.mask.png"),
    ],
)
def test_name_of_result_is_that_of_the_photo_and_of_the_output(photo: str, output: str, result: str) -> None:
    assert result_name(photo, output) == result_name(PurePath(photo), output) == result


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


def line(*names: str, fold: bool = False) -> str:
    return equal_results([(f"in/{name}", PurePath(name)) for name in names], fold=fold)


def test_equal_results_are_named_with_their_number() -> None:
    fix = "rename one, or write their results to different folders"
    assert line("a.jpg", "b.jpg", "a.jpg") == f"the results of in/a.jpg and in/a.jpg would be one file; {fix}"
    assert line("a.jpg", "b.jpg", "a.jpg", "b.jpg") == (
        f"the results of in/a.jpg and in/a.jpg would be one file (1 of 2 pairs); {fix}"
    )


@pytest.mark.parametrize(("first", "second"), [("a/B.jpg", "A/b.JPG"), ("\u00e9.jpg", "e\u0301.jpg")])
def test_results_that_differ_in_case_or_composition_are_equal_on_some_file_systems(first: str, second: str) -> None:
    assert line(first, "a/c.jpg", second) == ""
    assert line(first, "a/c.jpg", second, fold=True).startswith(f"the results of in/{first} and in/{second} would be ")


def test_results_in_the_way_are_those_of_other_photos_that_differ_in_case_or_composition() -> None:
    problems = results_in_the_way(["b.jpg", "A.jpg", "B.JPG", "e\u0301.jpg", "c.jpg"], ["a.jpg", "\xe9.jpg", "c.jpg"])
    assert problems == {
        "A.jpg": "A.jpg: its result would overwrite that of a.jpg; rename one",
        "B.JPG": "B.JPG: its result would overwrite that of b.jpg; rename one",
        "e\u0301.jpg": "e\u0301.jpg: its result would overwrite that of \xe9.jpg; rename one",
    }
