"""Sends every file of a folder to the service and compares each picture with libvips, another decoder.

The folder can hold anything, such as the test images of other projects, damaged ones too. The service answers with an
overlay in which no class is shown: the decoded photo at its own size. Prints the number of files by status, the slowest
ones, every file whose pixels differ by more than 4 of 255 on average, and every refusal of a file that libvips reads.
The exit status is 1 if an answer is a 5xx. A line for each file goes to the
standard error.
"""

import io
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image

from benchmarks.options import argument_parser
from tests.support.service import ServiceProcess, running_service
from tests.support.vips import by_libvips, difference

MAX_DIFFERENCE = 4  # mean absolute difference, of 255
SLOWEST = 10
MEMORY = 6_000_000_000  # bytes of addresses: libvips decodes damaged files without the service's limits
ENVIRONMENT = {"MODEL_TYPE": "mobile", "IMAGE_SIZE": "129"}
PHOTO_ALONE = {"output": "overlay", "size": "original", "min_score": "1"}


@dataclass(frozen=True)
class Answer:
    """What became of a file: the status, the seconds, the message of an error, and libvips' opinion."""

    name: str
    status: int
    seconds: float
    message: str
    libvips: str


def main() -> None:
    parser = argument_parser("benchmarks.corpus", __doc__)
    parser.add_argument("folder", type=Path, help="a folder with files of any kind")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    with running_service(**ENVIRONMENT) as service:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        answers = []
        for path in paths:
            answers.append(ask(service, path, str(path.relative_to(arguments.folder))))
            print(line(answers[-1]), file=sys.stderr, flush=True)
    report(answers)
    sys.exit(any(answer.status >= 500 for answer in answers))


def ask(service: ServiceProcess, path: Path, name: str) -> Answer:
    """Return the answer of `service` for the file at `path`."""
    data = path.read_bytes()
    began = time.perf_counter()
    response = service.predict(data, data=PHOTO_ALONE, headers={"Accept": "image/png, application/json"})
    seconds = time.perf_counter() - began
    if response.status_code == 200:
        return Answer(name, 200, seconds, "", opinion(data, response.content))
    return Answer(name, response.status_code, seconds, response.json()["message"], opinion(data, b""))


def opinion(data: bytes, answer: bytes) -> str:
    """Return how much the PNG `answer` differs from what libvips reads in `data`; "read" without an answer."""
    try:
        pixels = by_libvips(data)
    except (pyvips.Error, ValueError, MemoryError):
        return "not read"
    if not answer:
        return "read"
    with Image.open(io.BytesIO(answer)) as picture:
        ours = np.asarray(picture.convert("RGB"))
    return f"{difference(ours, pixels):.1f}" if ours.shape == pixels.shape else f"size {ours.shape} {pixels.shape}"


def line(answer: Answer) -> str:
    """Return `answer` as a line of text."""
    return f"{answer.status} {answer.seconds:6.2f} s  libvips: {answer.libvips:9} {answer.name}: {answer.message}"


def is_different(answer: Answer) -> bool:
    """Return whether the service and libvips show different pictures."""
    if answer.status != 200 or answer.libvips == "not read":
        return False
    return answer.libvips.startswith("size") or float(answer.libvips) > MAX_DIFFERENCE


def report(answers: list[Answer]) -> None:
    """Print the summary of `answers`."""
    print(f"{len(answers)} files by status: {dict(sorted(Counter(answer.status for answer in answers).items()))}")
    compared = [answer for answer in answers if answer.status == 200 and answer.libvips != "not read"]
    print(f"{len(compared)} pictures compared with libvips")
    parts = {
        "slowest": sorted(answers, key=lambda answer: -answer.seconds)[:SLOWEST],
        "5xx": [answer for answer in answers if answer.status >= 500],
        f"difference over {MAX_DIFFERENCE}, or of size": [answer for answer in answers if is_different(answer)],
        "refused, and read by libvips": [answer for answer in answers if answer.libvips == "read"],
    }
    for name, found in parts.items():
        print(f"\n{name}: {len(found)}", *map(line, found), sep="\n")


if __name__ == "__main__":
    main()
