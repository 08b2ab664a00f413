"""Every kind of picture: the right pixels, or a refusal by its name.

The table is tests/support/pictures/kinds.py. The pixels that a file was made of are the truth, and two other decoders,
libvips and Chromium, show the same where they read the file.
"""

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import pyvips

from core.errors import UnsupportedImage
from core.image.decode import read_image
from core.image.formats import FORMATS
from core.types import UInt8Array
from tests.support.browser import chromium, chromium_path
from tests.support.chromium import by_chromium
from tests.support.paths import ROOT
from tests.support.pictures.cells import cells
from tests.support.pictures.kinds import KINDS, UNSERVED_KINDS, kind_of
from tests.support.vips import by_libvips, difference

# Pillow warns of damaged metadata.
pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF|Truncated File|Tag data larger")

LIMIT = 10_000_000
MAX_DIFFERENCE = 3  # mean absolute difference, of 255
CELLS = cells()
SERVED = [name for name in CELLS if not kind_of(name).refused]
# The cells that another decoder shows otherwise, and why.
LIBVIPS_DIFFERS = {
    r"TIFF .* alpha 0 .*": "takes an extra channel for alpha that is not said to be one",
    r"TIFF channels .*": "shows all of several extra channels",
    r"(TIFF|JPEG) CMYK .*": "has a profile of a press for inks without a profile",
    r"TIFF (grey|white is zero) [124] planar .*": "unpacks no bits of a plane",
    r"TIFF YCbCr [18]": "shows luminance and chrominance as red, green and blue",
    r"TIFF colour (zstd|lzma)": "is built without these codecs",
    r"(PNG|AVIF) told .*": "ignores colours that are told without a profile",
    r"GIF smaller than its canvas": "is black around the picture",
}
CHROMIUM_DIFFERS = {
    r"WEBP orientation .*": "turns no WEBP",
    r"(JPEG|PNG) orientation of type .*": "reads an orientation of the type SHORT alone; libvips reads all",
    r"JPEG without its end": "leaves the last rows out",
    r"AVIF (animation|told sequence .*)": "takes the samples of a sequence for those of video",
    r"BMP .* with an empty alpha": "shows nothing",
}


@pytest.mark.parametrize("name", CELLS)
def test_picture_is_right_or_refused_by_its_name(name: str) -> None:
    data, truth = CELLS[name]
    kind = kind_of(name)
    if kind.refused:
        with pytest.raises(UnsupportedImage, match=f"{re.escape(kind.refused)}.*; (send|save)"):
            read_image(data, LIMIT)
        return
    assert difference(np.asarray(read_image(data, LIMIT).image), truth) < MAX_DIFFERENCE


def test_every_kind_has_a_cell() -> None:
    assert {kind_of(name) for name in CELLS} == {*KINDS, *UNSERVED_KINDS}


def test_every_format_has_a_cell() -> None:
    assert {*FORMATS} - {name.partition(" ")[0] for name in CELLS} == set(), "see tests/support/pictures/cells.py"


def test_libvips_shows_the_same() -> None:
    shown = {}
    for name in SERVED:
        with suppress(pyvips.Error):
            shown[name] = by_libvips(CELLS[name][0])
    assert len(shown) > len(SERVED) / 2
    check(shown, LIBVIPS_DIFFERS)


def test_chromium_shows_the_same() -> None:
    if not chromium_path():
        pytest.skip("there is no chromium on this machine")
    with chromium() as browser:
        shown = by_chromium(browser, {name: CELLS[name][0] for name in SERVED})
    assert len(shown) > len(SERVED) / 3
    check(shown, CHROMIUM_DIFFERS)


def check(shown: dict[str, UInt8Array], reasons: dict[str, str]) -> None:
    """Assert that another decoder has `shown` the true pixels but for `reasons`, of which each is one for some cell."""
    wrong = {name for name, pixels in shown.items() if difference(CELLS[name][1], pixels) > MAX_DIFFERENCE}
    assert {name for name in wrong if not any(re.fullmatch(reason, name) for reason in reasons)} == set()
    assert {reason for reason in reasons if not any(re.fullmatch(reason, name) for name in wrong)} == set()


def test_every_refusal_of_the_decoder_has_a_cell() -> None:
    messages = "\n".join(refusal(name) for name in CELLS if kind_of(name).refused)
    written = [pattern for path in (ROOT / "core" / "image").glob("*.py") for pattern in refusals(path)]
    assert len(written) > 5
    assert [pattern for pattern in written if not re.search(pattern, messages)] == []


def refusal(name: str) -> str:
    """Return the message with which a cell is refused."""
    with pytest.raises(UnsupportedImage) as refused:
        read_image(CELLS[name][0], LIMIT)
    return str(refused.value)


def refusals(path: Path) -> Iterator[str]:
    """Yield the messages of UnsupportedImage in a module, as patterns."""
    for call in ast.walk(ast.parse(path.read_text())):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "UnsupportedImage":
            [message] = call.args
            parts = message.values if isinstance(message, ast.JoinedStr) else [message]
            if all(isinstance(part, ast.Constant | ast.FormattedValue) for part in parts):
                yield "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in parts)
