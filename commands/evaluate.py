"""`python cli.py evaluate`: measure the mean IoU on photos with ground-truth masks."""

import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from PIL import Image

from commands.shared.errors import failures_of
from commands.shared.help import MODEL_SETTINGS, UNUSABLE, epilog
from commands.shared.progress import Progress
from config import Settings
from core.errors import SegmenterError
from core.evaluation import Accuracy, read_voc
from core.model import ModelWrapper
from core.types import EngineOptions, UInt8Array
from segmenter import create_model, find_weights, resolved, unlimited

if TYPE_CHECKING:
    from core.runtime.engine import Engine


@dataclass
class Measured:
    """An engine with the accuracy and the durations of its label maps."""

    name: str
    engine: "Engine"
    score: Accuracy
    milliseconds: list[float] = field(default_factory=list)

    def run(self, image: UInt8Array, truth: UInt8Array) -> UInt8Array:
        """Return the labels of `image`; add their time and their accuracy."""
        began_at = time.perf_counter()
        seg_map = self.engine.run(image)
        self.milliseconds.append((time.perf_counter() - began_at) * 1000)
        self.score.add(truth, seg_map)
        return seg_map


@click.command(
    short_help="Measure the accuracy on photos with masks.",
    epilog=epilog(
        *MODEL_SETTINGS,
        done="the accuracy was printed",
        failed=f"a photo or a mask can't be read, or {UNUSABLE}",
    ),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--every", type=click.IntRange(min=1), default=1, help="Use every N-th photo.")
@click.option(
    "--against", type=click.Choice(["stock"]), help="Run the unmodified graph as well, and compare each pixel."
)
def evaluate(folder: Path, every: int, against: str | None) -> None:
    """Measure the mean IoU on FOLDER, which holds photos and masks in PASCAL VOC's layout.

    Each photo is processed as in the service: decoded, resized to IMAGE_SIZE and segmented. The label map is enlarged
    to the size of the photo by nearest neighbour, and compared with the mask.

    Example: IMAGE_SIZE=257 python cli.py evaluate VOC2012 --against stock
    """
    with failures_of("evaluate"):
        settings = unlimited(resolved(Settings.from_environment()))
        examples = read_voc(folder, every)
        model = create_model(settings)
        engine = model.loading.result()
        measured = [Measured(f"{settings.canvas}, {settings.precision}", engine, Accuracy(len(model.labels)))]
        if against:
            measured.append(Measured(against, _stock_engine(settings), Accuracy(len(model.labels))))
        pixels, different = _measure(model, examples, measured)
    _print_table(model.labels, measured)
    if against:
        print(f"{different:,} of {pixels:,} pixels ({different / pixels:.4%}) differ from {against}")


def _stock_engine(settings: Settings) -> "Engine":
    """Return an engine that runs the unmodified graph of `settings`."""
    # These import TensorFlow, which takes seconds that the other commands should not need.
    from core.graph.frozen_graph import read_graph  # noqa: PLC0415
    from core.runtime.engine import Engine  # noqa: PLC0415

    return Engine(read_graph(find_weights(settings).path), EngineOptions(settings.threads), optimized=False)


def _measure(model: ModelWrapper, examples: list[tuple[Path, Path]], measured: list[Measured]) -> tuple[int, int]:
    """Run each of `measured` on `examples`, pairs of a photo and its mask.

    Return the number of all pixels, and of those with different labels in the first and the last of `measured`.
    """
    pixels = different = 0
    with Progress(len(examples)) as progress:
        for photo, mask in examples:
            truth = np.asarray(Image.open(mask))
            try:
                with model.decoders.read(photo.read_bytes()) as picture:
                    maps = [one.run(picture.image, truth) for one in measured]
            except SegmenterError as error:
                raise click.ClickException(f"{photo}: {error}") from error
            pixels += maps[0].size
            different += int(np.count_nonzero(maps[0] != maps[-1]))
            progress.add()
    return pixels, different


def _print_table(labels: tuple[str, ...], measured: list[Measured]) -> None:
    width = max(len(one.name) for one in measured) + 2
    print(f"{'':14}" + "".join(f"{one.name:>{width}}" for one in measured))
    for class_, label in enumerate(labels):
        print(f"{label:14}" + "".join(f"{100 * one.score.iou[class_]:{width}.2f}" for one in measured))
    print(f"{'mean IoU':14}" + "".join(f"{100 * one.score.mean_iou:{width}.2f}" for one in measured))
    print(f"{'pixels right':14}" + "".join(f"{one.score.pixel_accuracy:{width}.2%}" for one in measured))
    print(f"{'median ms':14}" + "".join(f"{statistics.median(one.milliseconds):{width}.1f}" for one in measured))
