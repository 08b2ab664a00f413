"""Photos are told from other files by their first bytes."""

import io

import pytest
from PIL import Image

from core.image.formats import FORMATS
from core.image.signature import HEAD, is_photo
from tests.support.paths import CHELSEA


# A text can begin as a BMP or a PPM does.
@pytest.mark.parametrize("format_", [*sorted({*FORMATS} - {"BMP", "PPM"}), "JPEG2000"])
def test_file_of_each_format_of_photos_is_a_photo(format_: str) -> None:
    file = io.BytesIO()
    with Image.open(CHELSEA) as photo:
        photo.save(file, format_)
    assert is_photo(file.getvalue()[:HEAD]), "add it to SERVED in core/image/signature.py"


@pytest.mark.parametrize(
    "head",
    [b"", b"BMW, an article", b"P6 and P5", b"%PDF-1.7", b"RIFF\0\0\0\0WAVEfmt ", b"\0\0\0\x18ftypmp42", b"<svg>"],
)
def test_other_file_is_no_photo(head: bytes) -> None:
    assert not is_photo(head)


@pytest.mark.parametrize(
    "head", [b"FUJIFILMCCD-RAW ", b"\0\0\0\x18ftypcrx \0\0\0\1", b"IIRO\x08\0\0\0", b"\0\0\0\x18ftypheic\0\0\0\0"]
)
def test_photo_of_a_kind_that_is_not_served_is_a_photo(head: bytes) -> None:
    assert is_photo(head)
