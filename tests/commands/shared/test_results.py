"""The files of results: no two photos share one, none is a photo, and problems are found before any work."""

from pathlib import Path

import pytest

from commands.shared import results
from commands.shared.results import Destinations, endings
from commands.shared.sources import Sources
from core.outputs import OUTPUTS


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def written(*arguments: str, output: str = "mask", to: str = "out") -> dict[str, str]:
    """Return the path of the result of each photo of `arguments`, which have no problem."""
    sources = Sources(arguments, None)
    found = Destinations(sources.found, output, to)
    assert [*sources.problems, *found.problems, *found.make_folders()] == []
    return {str(source): str(file or "-") for source, file in found.files.items()}


def problems(*arguments: str, output: str = "mask", to: str = "out") -> list[str]:
    """Return the problems of `arguments`; no folder may be left behind."""
    before = sorted(Path().rglob("*"))
    found = Destinations(Sources(arguments, None).found, output, to)
    problems = found.problems or found.make_folders()
    assert sorted(Path().rglob("*")) == before
    return problems


def test_results_of_photos_are_below_the_destination_as_the_photos_below_the_given_folder() -> None:
    touch("in/a.jpg", "in/a.png", "in/c.mask.png", "in/sub/a.jpg", "x/y/b.jpg")
    assert written("in", "x/y/b.jpg", "-", output="objects") == {
        "in/a.jpg": "out/a.jpg.objects.json",
        "in/a.png": "out/a.png.objects.json",
        "in/sub/a.jpg": "out/sub/a.jpg.objects.json",
        "x/y/b.jpg": "out/b.jpg.objects.json",
        "standard input": "out/stdin.objects.json",
    }


@pytest.mark.parametrize("arguments", [("day1", "day2"), ("day1/a.jpg", "day2/a.jpg")])
def test_results_that_would_be_one_file_are_refused_with_both_names(arguments: tuple[str, ...]) -> None:
    touch("day1/a.jpg", "day2/a.jpg")
    [problem] = problems(*arguments)
    assert problem.startswith("the results of day1/a.jpg and day2/a.jpg would be one file; ")


def test_photo_that_is_given_twice_has_one_result() -> None:
    touch("in/a.jpg")
    assert written("in", "in/a.jpg", "./in/a.jpg") == {"in/a.jpg": "out/a.jpg.mask.png"}


def test_results_on_file_system_that_ignores_case_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/A.jpg", "in/a.jpg")
    assert len(set(written("in").values())) == 2
    monkeypatch.setattr(results, "ignores_case", lambda _: True)
    assert len(problems("in")) == 1


@pytest.mark.parametrize(
    ("photos", "output", "to", "problem"),
    [
        (["a.jpg"], "overlay", "a.jpg", "the result of a.jpg would overwrite the photo a.jpg; use another -o"),
        (
            ["a.jpg", "a.jpg.mask.png"],
            "mask",
            ".",
            "the result of a.jpg would overwrite the photo a.jpg.mask.png; use another -o",
        ),
        (
            ["a.jpg", "b.jpg"],
            "mask",
            "-",
            "-o - is one output, but there are 2 photos; give a folder, with / at its end",
        ),
        (
            ["a.jpg", "b.jpg"],
            "mask",
            "x.png",
            "-o x.png is one file, but there are 2 photos; give a folder, with / at its end",
        ),
        (["a.jpg"], "mask", "x.jpg", "-o x.jpg: a file for --output mask ends with .png; a folder ends with /"),
        (
            ["a.jpg"],
            "cutout",
            "x.gif",
            "-o x.gif: a file for --output cutout ends with .png or .webp; a folder ends with /",
        ),
        (["a.jpg"], "mask", "", "-o is empty; give a folder, a file or -"),
        (["a.jpg"], "mask", "a.jpg/x/", "-o: a.jpg/x can't be written: Not a directory"),
        (["a.jpg"], "mask", "/proc/x/", "-o: /proc/x can't be written: No such file or directory"),
    ],
)
def test_destination_that_can_not_be_used_is_reported(photos: list[str], output: str, to: str, problem: str) -> None:
    touch("a.jpg", "b.jpg", "a.jpg.mask.png")
    assert problems(*photos, output=output, to=to) == [problem]


@pytest.mark.parametrize("output", OUTPUTS)
def test_destination_with_the_ending_of_a_result_is_no_folder_for_two_photos(output: str) -> None:
    touch("a.jpg", "b.jpg")
    for ending in endings(output):
        [problem] = problems("a.jpg", "b.jpg", output=output, to=f"x{ending}")
        assert problem.startswith(f"-o x{ending} is one file, but there are 2 photos")


@pytest.mark.parametrize(
    ("to", "file"),
    [
        ("results_v1.2/", "results_v1.2/a.jpg.mask.png"),
        ("results_v1.2", "results_v1.2/a.jpg.mask.png"),
        ("x.png/", "x.png/a.jpg.mask.png"),
        ("new/x.PNG", "new/x.PNG"),
        ("-", "-"),
        ("/dev/null", "/dev/null"),
    ],
)
def test_destination_is_a_folder_or_a_file(to: str, file: str) -> None:
    touch("a.jpg")
    assert written("a.jpg", to=to) == {"a.jpg": file}


def test_result_that_is_a_folder_is_reported() -> None:
    touch("a.jpg", "out/a.jpg.mask.png/x")
    assert problems("a.jpg") == ["-o: out/a.jpg.mask.png is a folder; remove it, or use another -o"]


def test_results_in_folder_to_which_a_link_leads_out_are_reported(tmp_path: Path) -> None:
    touch("in/day/a.jpg", "in/b.jpg", "elsewhere/x", "out/x")
    (tmp_path / "out" / "day").symlink_to(tmp_path / "elsewhere")
    assert problems("in") == ["-o: out/day: a link leads out of out; remove the link, or write to its target"]
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    assert list(written("in", to="linked").values()) == ["linked/b.jpg.mask.png", "linked/day/a.jpg.mask.png"]
