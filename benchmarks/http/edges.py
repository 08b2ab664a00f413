"""Measures how much more CPU time a request takes with edges=photo than with edges=model, by the size of the photo.

Requests of masks and cut-outs at the size of the photo take turns; prints the mean milliseconds of CPU time of the
service for each, and the difference in nanoseconds per pixel.
"""

import statistics

from PIL import Image

from benchmarks.options import argument_parser
from tests.support.images import encode
from tests.support.paths import ASTRONAUT
from tests.support.service import ServiceProcess, running_service

SIZES = ((516, 387), (1155, 866), (4000, 3000))
OUTPUTS = ("mask", "cutout")
EDGES = ("model", "photo")


def cpu_milliseconds(service: ServiceProcess, photo: bytes, output: str, edges: str) -> float:
    """Return the CPU time that `service` takes for a request, in milliseconds."""
    began = service.cpu_seconds()
    # The outlines of both cut-outs are hard: soft ones cost the same with any edges.
    params = {"output": output, "size": "original", "alpha": "hard", "edges": edges}
    service.predict(photo, params=params).raise_for_status()
    return 1000 * (service.cpu_seconds() - began)


def main() -> None:
    parser = argument_parser("benchmarks.http.edges", __doc__)
    parser.add_argument("--runs", type=int, default=15, help="requests of each kind; default: 15")
    runs = parser.parse_args().runs

    print("| megapixels | output | edges=model | edges=photo | more per pixel |\n| --- | --- | --- | --- | --- |")
    with running_service() as service, Image.open(ASTRONAUT) as astronaut:
        for width, height in SIZES:
            photo = encode(astronaut.resize((width, height)), "JPEG", quality=90)
            for output in OUTPUTS:
                rounds = [[cpu_milliseconds(service, photo, output, edges) for edges in EDGES] for _ in range(runs + 1)]
                model, refined = (statistics.mean(times) for times in zip(*rounds[1:], strict=True))
                pixels = width * height
                print(
                    f"| {pixels / 1e6:.1f} | {output} | {model:.0f} ms | {refined:.0f} ms "
                    f"| {1e6 * (refined - model) / pixels:.0f} ns |"
                )


if __name__ == "__main__":
    main()
