"""`python cli.py calibrate`: measure ranges on photos, so that PRECISION=int8 can serve the graph."""

import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TypeVar

import click
import numpy as np

from commands.shared.errors import failures_of
from commands.shared.help import MODEL_SETTINGS, UNUSABLE, epilog
from commands.shared.photos import LeftOut
from commands.shared.sources import photos_in
from config import Settings
from core.errors import ModelError, SegmenterError
from core.image.decode import read_image
from core.image.resize import resized
from core.types import EngineOptions, UInt8Array
from core.weights.registry import Weights
from segmenter import find_weights

T = TypeVar("T")

# Every fifth photo is held out: only the loss is measured on it.
HELD_OUT = 5
MIN_PHOTOS = 10
# Size of the photos on which ranges are measured, relative to IMAGE_SIZE: rounding changes the most labels in small
# images. Adding photos at two thirds of IMAGE_SIZE gave slightly more labels equal to float32 at 257 and 333 pixels,
# but fewer at 513.
SIZE = Fraction(1, 2)
# Kinds of CPUs, and whether their sums of products may saturate.
CPUS = {"CPUs with VNNI": False, "CPUs without VNNI": True}


@click.command(
    short_help="Prepare a graph for PRECISION=int8.",
    epilog=epilog(
        *MODEL_SETTINGS,
        done="the calibration was written",
        failed=f"a photo can't be read, there are too few, or {UNUSABLE}",
    ),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def calibrate(folder: Path) -> None:
    """Calibrate the graph of MODEL_TYPE or MODEL_PATH for PRECISION=int8, on the photos in FOLDER.

    Take a hundred photos or more of the kind that will be served; they need no masks. They are resized to half of
    IMAGE_SIZE; the calibration is good for IMAGE_SIZE and for smaller sizes. It is a file beside the graph, which must
    stay there. Every fifth photo is held out: the command prints how many of its pixels have the same label at int8 as
    at float32, at IMAGE_SIZE.

    \b
    Example:
      MODEL_PATH=my_graph.pb python cli.py calibrate photos/
    """
    with failures_of("calibrate"):
        settings = Settings.from_environment()
        weights = find_weights(settings)
        left_out = LeftOut()
        paths = sorted(photos_in(folder, left_out))
        for line in (*left_out.lines(), *left_out.errors):
            click.echo(line, err=True)
        if len(paths) < MIN_PHOTOS:
            raise click.ClickException(f"there are {len(paths)} photos in {folder}, expected at least {MIN_PHOTOS}")
        held_out = [_read(path, settings, Fraction(1)) for path in _progress(paths[::HELD_OUT], "decode photos")]
        used = [path for number, path in enumerate(paths) if number % HELD_OUT]
        photos = [_read(path, settings, SIZE) for path in _progress(used, "decode photos")]
        _calibrate(weights, photos, held_out, settings)


def _read(path: Path, settings: Settings, size: Fraction) -> UInt8Array:
    """Return the photo at `path`, uint8 [height, width, 3], resized as by the service to `size` times IMAGE_SIZE."""
    try:
        photo = read_image(path.read_bytes(), settings.max_image_pixels)
        return np.asarray(resized(photo, int(settings.image_size * size)))
    except SegmenterError as error:
        raise click.ClickException(f"{path}: {error}") from error


def _calibrate(weights: Weights, photos: list[UInt8Array], held_out: list[UInt8Array], settings: Settings) -> None:
    """Write the calibration of the graph of `weights`, made from `photos`, and print its loss on `held_out`."""
    # These import TensorFlow, which takes seconds that a wrong argument should not cost.
    from core.calibrator import Calibrator  # noqa: PLC0415
    from core.graph.frozen_graph import read_graph  # noqa: PLC0415
    from core.graph.optimize import UnknownStructure, optimize  # noqa: PLC0415
    from core.graph.quantize.calibration import Calibration, calibration_path  # noqa: PLC0415
    from core.graph.quantize.compiler import is_mixed, quantize  # noqa: PLC0415
    from core.graph.quantize.layers import NotQuantizable  # noqa: PLC0415
    from core.mixed_calibrator import MixedCalibrator  # noqa: PLC0415
    from core.runtime.engine import Engine  # noqa: PLC0415

    graph = read_graph(weights.path)
    try:
        network = optimize(graph)
        calibrator = MixedCalibrator(network) if is_mixed(network) else Calibrator(network)
    except (UnknownStructure, NotQuantizable) as error:
        raise ModelError(f"{weights.path} can't be calibrated for int8: {error}") from error
    for photo in _progress(photos, "measure ranges"):
        calibrator.add(photo)
    ranges = calibrator.ranges()
    exact, saturating = (
        calibrator.corrections(ranges, partial(_progress, label=f"correct biases, {cpus}"), saturates=saturates)
        for cpus, saturates in CPUS.items()
    )
    made_from = f"{len(photos)} photos, IMAGE_SIZE={settings.image_size}"
    calibration = Calibration(weights.sha256, made_from, ranges, exact, saturating)
    path = calibration_path(weights.path)
    calibration.write(path)
    print(f"wrote {path}, from {made_from}")

    options = EngineOptions(settings.threads, settings.canvas)
    engine = Engine(graph, options, network=network)
    expected = [engine.run(photo) for photo in _progress(held_out, "run float32")]
    for cpus, saturates in CPUS.items():
        simulated = quantize(network, calibration, saturates=saturates, simulated=True)
        engine = Engine(graph, options, network=simulated)
        found = [engine.run(photo) for photo in _progress(held_out, f"simulate int8, {cpus}")]
        equal = np.mean([np.mean(one == other) for one, other in zip(found, expected, strict=True)])
        print(f"int8, {cpus}: {equal:.2%} of the labels of {len(held_out)} held-out photos are those of float32")


def _progress(items: list[T], label: str) -> Iterator[T]:
    """Yield `items`, with a progress bar on the standard error."""
    with click.progressbar(items, label=label, file=sys.stderr) as bar:
        yield from bar
