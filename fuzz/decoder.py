"""Fuzzes core.image: any bytes must give an image or a documented error, within limits of CPU time and memory.

    python -m fuzz.decoder -max_total_time=60     continue with the files of the last run, fuzz/corpus
    python -m fuzz.decoder fuzz/found/crash-...   try one file again

The arguments are those of libFuzzer. Its feedback is the coverage of core and of Pillow's Python code. Pillow's C code
and the libraries under it are not instrumented.
"""

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from time import process_time

import atheris

with atheris.instrument_imports(include=["PIL", "core"]):
    from PIL import MpoImagePlugin  # noqa: F401 - Pillow would import it later, without instrumentation

    from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
    from core.image.decode import Photo, read_image

from fuzz.seeds import seeds
from tests.support.processes import memory_megabytes

HERE = Path(__file__).parent
CORPUS, FOUND = HERE / "corpus", HERE / "found"

MAX_PIXELS = 1_000_000
# CPU seconds per file.
MAX_SECONDS = 2.0
# Additional memory per file. A decoder holds several copies of 1 megapixel, 4 MB each.
MAX_MEGABYTES = 64.0
MIN_LONG_SIDES = (None, 16, 513)

DEFAULTS = (
    f"-artifact_prefix={FOUND}/",
    f"-dict={HERE / 'formats.dict'}",
    "-max_len=16384",
    "-timeout=300",  # elapsed seconds per file, for a decoder that waits; generous, because the machine may be busy
    "-rss_limit_mb=1500",
)


def try_file(data: bytes) -> None:
    """Decode `data` as the service does. Raises AssertionError, or the decoder's error if that is not documented."""
    min_long_side = MIN_LONG_SIDES[len(data) % len(MIN_LONG_SIDES)]
    pid = os.getpid()
    before, began = memory_megabytes(pid), process_time()
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
    # MemoryFull, "try again later", is not allowed here: it would be the wrong answer to a file that needs too much.
    with suppress(InvalidImage, UnsupportedImage, ImageTooLarge):
        check(read_image(data, MAX_PIXELS, min_long_side), min_long_side)
    seconds, grown = process_time() - began, memory_megabytes(pid, "VmHWM") - before
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s"
    assert grown < MAX_MEGABYTES, f"{grown:.0f} MB"


def check(photo: Photo, min_long_side: int | None) -> None:
    """Raise AssertionError if `photo` breaks a promise of read_image()."""
    width, height = photo.size
    long_side = max(photo.size)
    assert photo.image.mode == "RGB"
    assert 0 < width * height <= MAX_PIXELS
    assert photo.image.width <= width
    assert photo.image.height <= height
    assert max(photo.image.size) >= min(long_side, min_long_side or long_side)


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    # Pillow warns about many damaged files. Appended, so that the filter of core.image.limits for
    # DecompressionBombWarning still comes first.
    warnings.simplefilter("ignore", append=True)
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
