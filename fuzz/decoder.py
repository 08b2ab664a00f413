"""Fuzzes core.image: any bytes must give an image or a documented error, in this process and in a decoder process.

    python -m fuzz.decoder -max_total_time=60     continue with the files of the last run, fuzz/corpus
    python -m fuzz.decoder fuzz/found/crash-...   try one file again

The arguments are those of libFuzzer. Its feedback is the coverage of core and of Pillow's Python code. Pillow's C code
and the libraries under it are not instrumented.
"""

import itertools
import os
import resource
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from time import process_time

import atheris

with atheris.instrument_imports(include=["PIL", "core"]):
    from PIL import MpoImagePlugin  # noqa: F401 - Pillow would import it later, without instrumentation

    from core.decoders.decoder_pool import DecoderPool
    from core.decoders.decoder_program import BYTES_PER_PIXEL, MEMORY
    from core.errors import ImageTooLarge, InvalidImage, UnsupportedImage
    from core.image.decode import Photo, read_image

from fuzz.seeds import seeds

HERE = Path(__file__).parent
CORPUS, FOUND = HERE / "corpus", HERE / "found"

MAX_PIXELS = 1_000_000
# CPU seconds per file, above which a decoder process ends.
MAX_SECONDS = 4.0
# Memory in bytes for libFuzzer and the coverage of the run, in addition to that of a decoder process.
OWN_MEMORY = 1_500_000_000
MIN_LONG_SIDES = (None, 16, 513)
# A decoder process, which is 20 times slower and gives no coverage, reads every so many files too.
PROCESS_EVERY = 50

DEFAULTS = (
    f"-artifact_prefix={FOUND}/",
    f"-dict={HERE / 'formats.dict'}",
    "-max_len=16384",
    "-timeout=300",  # elapsed seconds per file, for a decoder that waits; generous, because the machine may be busy
    "-rss_limit_mb=0",
)

pool = DecoderPool(65, MAX_PIXELS, timeout=300)
count = itertools.count()


def try_file(data: bytes) -> None:
    """Decode `data` as the service does. Raises AssertionError, or the decoder's error if that is not documented."""
    image_size = MIN_LONG_SIDES[len(data) % len(MIN_LONG_SIDES)]
    began = process_time()
    with suppress(InvalidImage, UnsupportedImage, ImageTooLarge):
        check(read_image(data, MAX_PIXELS, image_size), image_size)
    seconds = process_time() - began
    assert seconds < MAX_SECONDS, f"{seconds:.1f} s"
    if next(count) % PROCESS_EVERY == 0:
        # MemoryFull, "try again later", is not allowed: it would be the wrong answer to a file that needs too much.
        with suppress(InvalidImage, UnsupportedImage, ImageTooLarge), pool.read(data, keep_photo=True) as picture:
            assert picture.photo.shape[:2] == picture.size[::-1]


def check(photo: Photo, image_size: int | None) -> None:
    """Raise AssertionError if `photo` breaks a promise of read_image()."""
    width, height = photo.size
    long_side = max(photo.size)
    assert photo.image.mode == "RGB"
    assert 0 < width * height <= MAX_PIXELS
    assert photo.image.width <= width
    assert photo.image.height <= height
    assert max(photo.image.size) >= min(long_side, image_size or long_side)


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    # Pillow warns about many damaged files. Appended, so that the filter of core.image.decode for
    # DecompressionBombWarning still comes first.
    warnings.simplefilter("ignore", append=True)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = used + MEMORY + BYTES_PER_PIXEL * MAX_PIXELS + OWN_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
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
