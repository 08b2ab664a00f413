"""Measures the CPU time and the memory of every output for the worst pictures, and checks their bounds.

Starts the real service and asks it for each output at the size of the picture. Prints the CPU time of its processes;
the time that the encoder of the output takes alone, measured in this process; the ratio of the rest to the time of the
mask of the same picture; and the peak memory of the worker beyond its memory at rest, the upload, the photo, its labels
and the answer.

A promise is broken if an output takes more than 4 times the CPU time of the mask, and that of its own encoder, or is
refused with another status than 4xx. Exits with 1 then.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image

from benchmarks.http.encoders import encoder_seconds
from benchmarks.http.patterns import WORST, pictures, png
from benchmarks.options import argument_parser
from core import outputs
from core.output.encode import JPEG, JSON, PNG, WEBP
from core.types import UInt8Array
from tests.support.paths import CHELSEA
from tests.support.processes import memory_megabytes
from tests.support.service import TIMEOUT, ServiceProcess, running_service

MAX_RATIO = 4.0
BASELINE = "mask"
# The path, the parameters and the accepted type of each output and of its variants; their edges follow the photo.
OUTPUTS: dict[str, tuple[str, dict[str, str], str]] = {
    name: ("/model/predict", {"size": "original"} | dict(pair.split("=") for pair in query.split("&")), accept)
    for name, query, accept in (
        *((name, f"output={name}", next(iter(row.encoders))) for name, row in outputs.OUTPUTS.items()),
        ("mask, edges=model", "output=mask&edges=model", PNG),
        ("mask, look=twice", "output=mask&look=twice", PNG),
        ("polygons", "output=objects&shapes=polygons", JSON),
        ("polygons, tolerance=20", "output=objects&shapes=polygons&tolerance=20", JSON),
        ("objects, pieces", "output=objects&pieces=true", JSON),
        ("overlay, JPEG", "output=overlay", JPEG),
        ("cutout, hard", "output=cutout&alpha=hard", PNG),
        ("cutout, blur", "output=cutout&background=blur", PNG),
        ("cutout, picture", "output=cutout", PNG),
        ("cutout, WebP", "output=cutout", WEBP),
    )
} | {"Hugging Face": ("/hf/image-segmentation", {}, JSON)}
# The output with a picture behind it, for which the photo itself is taken.
WITH_PICTURE = "cutout, picture"


@dataclass(frozen=True)
class Cost:
    """An answer: its status, the CPU seconds of the service and of the encoder alone, and the memory, in MB.

    `memory` is the peak beyond the memory at rest, the upload, the photo, its labels and the answer.
    """

    status: int
    cpu: float
    encoder: float
    memory: float
    message: str = ""

    def ratio(self, baseline: float) -> float:
        """Return the CPU time without the encoder's, divided by the `baseline`, the seconds of the mask."""
        return (self.cpu - self.encoder) / baseline

    def row(self, baseline: float) -> str:
        """Return the columns of the table."""
        times = f"{self.cpu:.2f} s | {self.encoder:.2f} s | {self.ratio(baseline):.1f}"
        return f"{self.status} | {times} | {self.memory:.0f} MB |"

    def is_kept(self, baseline: float) -> bool:
        """Return whether the promise is kept."""
        return (self.status == 200 or 400 <= self.status < 500) and self.ratio(baseline) <= MAX_RATIO


class Meter:
    """Asks a running service, and reads what its processes use."""

    def __init__(self, service: ServiceProcess) -> None:
        self._service = service
        [self._worker] = service.workers
        self._rest = memory_megabytes(self._worker)

    def ask(self, output: str, picture: UInt8Array, upload: bytes, labels: UInt8Array | None) -> tuple[Cost, bytes]:
        """Return the cost of `output` for `picture`, with its PNG `upload` and its `labels`, and the answer."""
        path, parameters, accept = OUTPUTS[output]
        body: dict[str, Any] = {"data": upload, "headers": {"Accept": accept, "Content-Type": PNG}}
        if output == WITH_PICTURE:
            files = dict.fromkeys(("image", "background"), ("photo.png", upload, PNG))
            body = {"files": files, "headers": {"Accept": accept}}
        Path(f"/proc/{self._worker}/clear_refs").write_text("5")  # resets VmHWM, see proc(5)
        before = self._service.cpu_seconds()
        response = requests.post(self._service.url + path, params=parameters, timeout=TIMEOUT, **body)
        cpu = self._service.cpu_seconds() - before
        pixels = picture.shape[0] * picture.shape[1]
        held = (2 if output == WITH_PICTURE else 1) * (len(upload) + 3 * pixels) + pixels + len(response.content)
        memory = memory_megabytes(self._worker, "VmHWM") - self._rest - held / 1e6
        if response.status_code != 200:
            return Cost(response.status_code, cpu, 0, memory, response.text[:300]), b""
        encoder = encoder_seconds(response, labels)
        return Cost(200, cpu, encoder, memory), response.content


def measured(meter: Meter, picture: UInt8Array, outputs: Iterable[str]) -> Iterator[tuple[str, Cost, float]]:
    """Yield each of `outputs` with its cost, and the CPU seconds of the mask."""
    upload = png(picture)
    mask, content = meter.ask(BASELINE, picture, upload, None)
    yield BASELINE, mask, mask.cpu
    labels = np.asarray(Image.open(io.BytesIO(content)))
    for output in outputs:
        if output != BASELINE:
            yield output, meter.ask(output, picture, upload, labels)[0], mask.cpu


def main() -> None:
    parser = argument_parser("benchmarks.http.costs", __doc__)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 50], help="default: 12 50")
    parser.add_argument(
        "--outputs", nargs="+", choices=OUTPUTS, default=list(OUTPUTS), metavar="OUTPUT", help="default: all"
    )
    parser.add_argument("--pictures", nargs="+", metavar="NAME", help="names in the table; default: all")
    parser.add_argument("--short", action="store_true", help=f"only the worst pictures: {'; '.join(WORST)}")
    arguments = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    wanted = arguments.pictures or (WORST if arguments.short else None)

    print("| picture | megapixels | output | status | CPU | encoder | ratio | memory |\n" + "| --- " * 8 + "|")
    broken = []
    with running_service(MAX_UPLOAD_MB="1024", REQUEST_TIMEOUT="3600") as service:
        service.predict(CHELSEA.read_bytes()).raise_for_status()
        meter = Meter(service)
        for megapixels in arguments.megapixels:
            for name, make in pictures(megapixels):
                if wanted and name not in wanted:
                    continue
                for output, cost, baseline in measured(meter, make(), arguments.outputs):
                    row = f"| {name} | {megapixels:g} | {output} | {cost.row(baseline)}"
                    print(f"{row} {cost.message}".rstrip(), flush=True)
                    if not cost.is_kept(baseline):
                        broken.append(row)
    if broken:
        sys.exit("error: these take more than 4 times the CPU time of the mask, or fail:\n" + "\n".join(broken))


if __name__ == "__main__":
    main()
