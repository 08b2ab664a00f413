"""Which files are photos, and the lines about the others."""

import pytest

from commands.shared.photos import LeftOut, why_left_out


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.jpg", b"", ""),
        ("a.JFIF", b"", ""),
        ("IMG_1.HEIC", b"", ""),
        ("a.qoi", b"", ""),
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


def test_left_out_files_of_one_reason_are_counted() -> None:
    left_out = LeftOut()
    for number in range(5):
        left_out.add(f"{number}.txt", "not photos")
    assert left_out.lines() == ["left out, not photos: 0.txt, 1.txt, 2.txt and 2 more"]
