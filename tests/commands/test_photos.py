"""Which files of a folder are photos, and what is said about the others."""

import os
from pathlib import Path

import pytest

from commands.photos import LeftOut, photos_in, why_left_out
from tests.support.users import unprivileged


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.jpg", b"", ""),
        ("a.JFIF", b"", ""),
        ("IMG_1.HEIC", b"", ""),
        ("a.pgm", b"", ""),
        ("a", b"\xff\xd8\xff\xe0", ""),
        ("a.dat", b"RIFF\0\0\0\0WEBP", ""),
        ("a.dat", b"\0\0\0\x18ftypheic", ""),
        ("sound.wav", b"RIFF\0\0\0\0WAVE", "not photos"),
        ("notes.txt", b"BMW, P6 and II", "not photos"),
        ("empty", b"", "not photos"),
        ("a.mask.png", b"", "results of earlier runs"),
        ("a.cutout.webp", b"", "results of earlier runs"),
        ("a.objects.json", b"", "results of earlier runs"),
        ("._a.jpg", b"\x00\x05\x16\x07", "notes of macOS about files"),
        ("._a.jpg", b"\xff\xd8\xff\xe0", ""),
        ("a.jpg.part", b"\xff\xd8\xff\xe0", "hidden or unfinished files"),
        (".a.jpg.Xy12", b"\xff\xd8\xff\xe0", "hidden or unfinished files"),
    ],
)
def test_file_is_a_photo_by_its_ending_or_its_first_bytes(name: str, head: bytes, reason: str) -> None:
    assert why_left_out(name, lambda: head) == reason


def test_photos_of_folder_leave_out_links_pipes_and_results(tmp_path: Path) -> None:
    for name in ("b.jpg", "sub/a.jpg", "out/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "missing")
    left_out = LeftOut()
    found = [path.relative_to(tmp_path) for path in photos_in(tmp_path, left_out, tmp_path / "out")]
    # A link that leads nowhere is a photo that is lost, and will be reported.
    assert list(map(str, found)) == ["b.jpg", "lost.jpg", "sub/a.jpg"]
    assert left_out.lines() == [
        f"left out, links to folders: {tmp_path}/loop",
        f"left out, neither files nor folders: {tmp_path}/pipe.jpg",
    ]


def test_unreadable_subfolder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "a.jpg").touch()
    left_out = LeftOut()
    with unprivileged(tmp_path):
        assert list(photos_in(tmp_path, left_out)) == [tmp_path / "a.jpg"]
    assert left_out.errors == [f"{tmp_path}/closed: Permission denied; the photos in it are left out"]


def test_left_out_files_of_one_reason_are_counted() -> None:
    left_out = LeftOut()
    for number in range(5):
        left_out.add(f"{number}.txt", "not photos")
    assert left_out.lines() == ["left out, not photos: 0.txt, 1.txt, 2.txt and 2 more"]
