"""Fuzzes core.image: whatever the bytes are, a picture or a documented error, soon and in little memory.

    python -m fuzz.decoder -max_total_time=60     go on from the files of the last run, fuzz/corpus
    python -m fuzz.decoder fuzz/found/crash-...   try one file again

The arguments are libFuzzer's. It is led by the coverage of core and of Pillow's Python code; Pillow's C code and the
libraries under it are not instrumented, so that it changes files blindly there.
"""

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from time import process_time

import atheris

with atheris.instrument_imports(include=["PIL", "core"]):
    from PIL import MpoImagePlugin  # noqa: F401 - is imported late otherwise, uninstrumented

    from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
    from core.image.decode import Photo, read_image

from fuzz.seeds import seeds

HERE = Path(__file__).parent
CORPUS, FOUND = HERE / "corpus", HERE / "found"

MAX_PIXELS = 1_000_000
# Of the CPU, for one file: the machine may be busy with something else.
MAX_SECONDS = 2.0
# Beside what the process has anyway. 1 megapixel takes 4 MB in each of a handful of forms.
MAX_MEGABYTES = 64.0
ENOUGH = (None, 16, 513)

DEFAULTS = (
    f"-artifact_prefix={FOUND}/",
    f"-dict={HERE / 'formats.dict'}",
    "-max_len=16384",
    "-timeout=300",  # for what hangs without using the CPU; a machine that pauses is not to look like it
    "-rss_limit_mb=1500",
)


def try_file(data: bytes) -> None:
    """Read `data` as the service does. Raises what the service would not expect, or AssertionError."""
    enough = ENOUGH[len(data) % len(ENOUGH)]
    before, began = megabytes("VmRSS"), process_time()
    Path("/proc/self/clear_refs").write_text("5")  # begins a new VmHWM
    # MemoryFull is not among them: to a file that always asks for too much, "try again" is the wrong answer.
    with suppress(InvalidImage, UnsupportedImage, ImageTooLarge):
        check(read_image(data, MAX_PIXELS, enough), enough)
    seconds, grown = process_time() - began, megabytes("VmHWM") - before
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s"
    assert grown < MAX_MEGABYTES, f"{grown:.0f} MB"


def check(photo: Photo, enough: int | None) -> None:
    """Raise AssertionError where `photo` is not what read_image() promises."""
    width, height = photo.size
    assert photo.image.mode == "RGB"
    assert 0 < width * height <= MAX_PIXELS
    assert photo.image.width <= width
    assert photo.image.height <= height
    assert max(photo.image.size) >= min(max(photo.size), enough or max(photo.size))


def megabytes(field: str) -> float:
    """Return `field` of what the system says of this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1000


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    warnings.simplefilter("ignore")  # of Pillow's, about damaged files
    given = sys.argv[1:]
    if all(argument.startswith("-") for argument in given):
        FOUND.mkdir(exist_ok=True)
        CORPUS.mkdir(exist_ok=True)
        for name, data in seeds().items():
            (CORPUS / name).write_bytes(data)
        given.append(os.fspath(CORPUS))
    atheris.Setup([sys.argv[0], *DEFAULTS, *given], try_file)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
