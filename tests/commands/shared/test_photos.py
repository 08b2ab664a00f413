"""Which files are photos, and the lines about the others."""

import pytest

from commands.shared.photos import LeftOut, Reason, why_left_out


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.jpg", b"", None),
        ("a.JFIF", b"", None),
        ("IMG_1.HEIC", b"", None),
        ("a.pgm", b"", None),
        ("a", b"\xff\xd8\xff\xe0", None),
        ("a.dat", b"RIFF\0\0\0\0WEBP", None),
        ("a.dat", b"\0\0\0\x18ftypheic", None),
        ("sound.wav", b"RIFF\0\0\0\0WAVE", Reason.NO_PHOTO),
        ("notes.txt", b"BMW, P6 and II", Reason.NO_PHOTO),
        ("empty", b"", Reason.NO_PHOTO),
        ("a.mask.png", b"", Reason.RESULT),
        ("a.cutout.webp", b"", Reason.RESULT),
        ("a.objects.json", b"", Reason.RESULT),
        ("._a.jpg", b"\x00\x05\x16\x07", Reason.APPLE_DOUBLE),
        ("._a.jpg", b"\xff\xd8\xff\xe0", None),
        ("a.jpg.part", b"\xff\xd8\xff\xe0", Reason.UNFINISHED),
        (".a.jpg.Xy12", b"\xff\xd8\xff\xe0", Reason.UNFINISHED),
    ],
)
def test_file_is_a_photo_by_its_ending_or_its_first_bytes(name: str, head: bytes, reason: Reason | None) -> None:
    assert why_left_out(name, lambda: head) == reason


def test_left_out_files_of_one_reason_are_counted() -> None:
    left_out = LeftOut()
    for number in range(5):
        left_out.add(f"{number}.txt", Reason.NO_PHOTO)
    assert left_out.lines() == ["left out, not photos: 0.txt, 1.txt, 2.txt and 2 more"]
