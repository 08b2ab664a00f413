"""Sends every file of a folder to the service and compares each picture with libvips, another decoder.

The folder can hold anything, such as the test images of other projects, damaged ones too. The service answers with an
overlay in which no class is shown: the decoded photo at its own size. If its pixels differ from those of libvips by
more than 4 of 255 on average, Chromium, if there is one, is asked too.

Prints the number of files by status, the slowest ones, every file that differs, every refusal of a file that libvips
reads, and the largest memory of this process, which has one file at a time. The exit status is 1 if an answer is a 5xx.
A line for each file goes to the standard error.
"""

import io
import resource
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image
from playwright.sync_api import Browser

from benchmarks.options import argument_parser
from core.types import UInt8Array
from tests.support.browser import chromium, chromium_path
from tests.support.chromium import by_chromium
from tests.support.service import ServiceProcess, running_service
from tests.support.vips import by_libvips, difference

MAX_DIFFERENCE = 4  # mean absolute difference, of 255
SLOWEST = 10
MEMORY = 6_000_000_000  # bytes of addresses: libvips decodes damaged files without the service's limits
ENVIRONMENT = {"MODEL_TYPE": "mobile", "IMAGE_SIZE": "129"}
PHOTO_ALONE = {"output": "overlay", "size": "original", "min_score": "1"}
NOT_READ, READ = "not read", "read"


@dataclass(frozen=True)
class Answer:
    """What became of a file: the status, the seconds, the service's CPU seconds, the message of an error, two opinions.

    An opinion is the mean difference of the pixels, the sizes if those differ, NOT_READ, or READ without a picture to
    compare. That of Chromium is empty if it was not asked.
    """

    name: str
    status: int
    seconds: float
    cpu_seconds: float
    message: str
    libvips: str
    chromium: str


def main() -> None:
    parser = argument_parser("benchmarks.corpus", __doc__)
    parser.add_argument("folder", type=Path, help="a folder with files of any kind")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    with ExitStack() as stack:
        service = stack.enter_context(running_service(**ENVIRONMENT))
        browser = stack.enter_context(chromium()) if chromium_path() else None
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # of this process; the others are running
        answers = []
        for path in paths:
            answers.append(ask(service, browser, path, str(path.relative_to(arguments.folder))))
            print(line(answers[-1]), file=sys.stderr, flush=True)
    report(answers)
    sys.exit(any(answer.status >= 500 for answer in answers))


def ask(service: ServiceProcess, browser: Browser | None, path: Path, name: str) -> Answer:
    """Return the answer of `service` for the file at `path`, and what libvips and `browser` show."""
    data = path.read_bytes()
    began, used = time.perf_counter(), service.cpu_seconds()
    response = service.predict(data, data=PHOTO_ALONE, headers={"Accept": "image/png, application/json"})
    # A decoder that was ended takes its CPU time with it.
    times = time.perf_counter() - began, max(0, service.cpu_seconds() - used)
    other = libvips_pixels(data)
    if response.status_code != 200:
        found = NOT_READ if other is None else READ
        return Answer(name, response.status_code, *times, response.json()["message"], found, "")
    with Image.open(io.BytesIO(response.content)) as picture:
        ours = np.asarray(picture.convert("RGB"))
    libvips, shown = opinion(ours, other), ""
    if is_different(libvips) and browser:
        shown = opinion(ours, by_chromium(browser, {name: data}).get(name))
    return Answer(name, 200, *times, "", libvips, shown)


def libvips_pixels(data: bytes) -> UInt8Array | None:
    """Return what libvips reads in `data`, if it reads it."""
    try:
        return by_libvips(data)
    except (pyvips.Error, ValueError, MemoryError):
        return None


def opinion(ours: UInt8Array, others: UInt8Array | None) -> str:
    """Return how much `ours` differs from the pixels of another decoder; see Answer."""
    if others is None:
        return NOT_READ
    return f"{difference(ours, others):.1f}" if ours.shape == others.shape else f"size {ours.shape} {others.shape}"


def is_different(opinion: str) -> bool:
    """Return whether another decoder shows another picture."""
    return opinion.startswith("size") or (opinion[:1].isdigit() and float(opinion) > MAX_DIFFERENCE)


def line(answer: Answer) -> str:
    """Return `answer` as a line of text."""
    times = f"{answer.seconds:6.2f} s {answer.cpu_seconds:5.2f} s of CPU"
    shown = f" Chromium: {answer.chromium}" if answer.chromium else ""
    return f"{answer.status} {times}  libvips: {answer.libvips:9}{shown} {answer.name}: {answer.message}"


def report(answers: list[Answer]) -> None:
    """Print the summary of `answers`."""
    counts = Counter(answer.status for answer in answers)
    compared = [answer for answer in answers if answer.status == 200 and answer.libvips != NOT_READ]
    different = [answer for answer in compared if is_different(answer.libvips)]
    alone = [answer for answer in different if answer.chromium in ("", NOT_READ) or is_different(answer.chromium)]
    numbers = {
        "files": len(answers),
        **{f"status {status}": count for status, count in sorted(counts.items())},
        "slowest answer": f"{max(answer.seconds for answer in answers):.2f} s",
        "most CPU time of an answer": f"{max(answer.cpu_seconds for answer in answers):.2f} s",
        "pictures compared with libvips": len(compared),
        f"that differ by more than {MAX_DIFFERENCE}, or in size": len(different),
        "of these, not as Chromium either": len(alone),
        "memory of this process": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB",
    }
    print(*(f"| {name} | {number} |" for name, number in numbers.items()), sep="\n")
    parts = {
        "most CPU time": sorted(answers, key=lambda answer: -answer.cpu_seconds)[:SLOWEST],
        "5xx": [answer for answer in answers if answer.status >= 500],
        f"difference over {MAX_DIFFERENCE}, or of size": different,
        "refused, and read by libvips": [answer for answer in answers if answer.libvips == READ],
    }
    for name, found in parts.items():
        print(f"\n{name}: {len(found)}", *map(line, found), sep="\n")


if __name__ == "__main__":
    main()
