"""The model without a server: `python cli.py --help`."""

import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from PIL import Image

import core.fetch
from api.responses import BODIES, overlay_jpeg_body
from app import create_model, find_weights
from config import ConfigError, Settings
from core.errors import SegmenterError
from core.evaluate import Accuracy, read_voc
from core.image import read_image
from core.labels import class_ids
from core.model import Segmentation
from core.types import EngineOptions, UInt8Array
from core.weights import MODELS, find

if TYPE_CHECKING:
    from core.engine import Engine


# The photos in a folder, by their names, but for what an earlier run has written there.
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
OURS = re.compile(rf".*\.({'|'.join(BODIES)})\.png")


@click.group()
def cli() -> None:
    """Use, get and measure the model that the service serves. Settings are the service's, as environment variables."""


@cli.command()
@click.argument("name", type=click.Choice(list(MODELS)))
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The archive, or the graph out of it, that you have already: for machines without a network.",
)
def fetch(name: str, source: Path | None) -> None:
    """Get the graph of the model NAME into the folder MODEL_CACHE, and verify it.

    It is downloaded from TensorFlow's model zoo, or MODEL_MIRROR. After a break, the same command goes on from there.

    Example: python cli.py fetch full
    """
    try:
        settings = Settings.from_environment()
        model, cache = MODELS[name], settings.model_cache
        sha512 = settings.model_sha512.get(name, "")
        expected = sha512 or model.sha512
        if source:
            core.fetch.install(model, source, cache, expected)
        elif not model.bundled and not _is_there(name, cache, sha512):
            # Its length is known when the first bytes come.
            with click.progressbar(length=1, label=model.archive, file=sys.stderr) as bar:

                def report(received: int, total: int) -> None:
                    bar.length = max(total, received)
                    bar.update(received - bar.pos)

                core.fetch.fetch(model, cache, settings.model_mirror, expected, report)
        print(find(name, cache, sha512).path)
    except (ConfigError, SegmenterError) as error:
        raise click.ClickException(str(error)) from error


def _is_there(name: str, cache: Path, sha512: str) -> bool:
    try:
        find(name, cache, sha512)
    except SegmenterError:
        return False
    return True


@cli.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PHOTO...")
@click.option("--output", type=click.Choice(list(BODIES)), default="overlay", show_default=True, help="What to make.")
@click.option(
    "--size",
    type=click.Choice(["model", "original"]),
    default="original",
    show_default=True,
    help="The size of the resized image that the model sees, or of the photo itself.",
)
@click.option("--classes", help="Only these count, the rest is background: names or ids, separated by commas.")
@click.option(
    "-o",
    "destination",
    type=click.Path(path_type=Path),
    default=Path("."),
    help="The folder to write to, by default this one; for one photo also a file (.jpg makes an overlay a JPEG) or -.",
)
def predict(photos: tuple[Path, ...], output: str, size: str, classes: str | None, destination: Path) -> None:
    """Segment each PHOTO, or the photos in a folder, without a server.

    Writes what the service would answer: PHOTO's name with .map.json, .objects.json, .mask.png, .overlay.png or
    .cutout.png. A photo that can't be read is reported, and the others are done.

    \b
    Examples:
      python cli.py predict photo.jpg                              photo.overlay.png
      python cli.py predict photo.jpg --output objects -o -        what is in it, as JSON
      python cli.py predict holiday/ --output cutout --classes person -o people/
    """
    try:
        settings = Settings.from_environment()
        model = create_model(settings)
        model.loading.result()
        wanted = class_ids(classes, model.labels) if classes else None
    except (ConfigError, SegmenterError) as error:
        raise click.ClickException(str(error)) from error
    represent = overlay_jpeg_body if destination.suffix in {".jpg", ".jpeg"} and output == "overlay" else BODIES[output]

    def finish(segmentation: Segmentation) -> bytes:
        return represent(segmentation.only(wanted) if wanted else segmentation).content

    failed = []
    written = destinations(photos, output, destination)
    label = f"{len(written)} photos"
    with click.progressbar(written.items(), label=label, file=sys.stderr, hidden=len(written) == 1) as bar:
        for photo, file in bar:
            try:
                body = model.segment(photo.read_bytes(), finish, original=size == "original")
                with click.open_file(str(file), "wb", atomic=str(file) != "-") as opened:
                    opened.write(body)
            except (SegmenterError, OSError) as error:
                failed.append(f"{photo}: {error}")
    for line in failed:
        click.echo(line, err=True)
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(written)} photos could not be segmented")


def destinations(photos: Iterable[Path], output: str, destination: Path) -> dict[Path, Path]:
    """Return where the `output` of each photo is written; folders are taken as the photos in them, in their order."""
    ending = f"{output}.{'json' if output in ('map', 'objects') else 'png'}"
    found: dict[Path, Path] = {}  # each photo's folder below the destination
    for photo in photos:
        if photo.is_dir():
            inside = (path for path in sorted(photo.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file())
            found |= {path: path.parent.relative_to(photo) for path in inside if not OURS.fullmatch(path.name)}
        else:
            found[photo] = Path()
    if not found:
        raise click.ClickException(f"there are no photos in {', '.join(map(str, photos))}")
    if len(found) == 1 and (destination.suffix or str(destination) == "-") and not destination.is_dir():
        return dict.fromkeys(found, destination)
    # Photos that differ in nothing but their endings keep them.
    shared = Counter(folder / photo.stem for photo, folder in found.items())
    written = {}
    for photo, folder in found.items():
        name = photo.stem if shared[folder / photo.stem] == 1 else photo.name
        written[photo] = destination / folder / f"{name}.{ending}"
    for folder in {file.parent for file in written.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    return written


@dataclass
class Measured:
    """An engine, and what came of its label maps."""

    name: str
    engine: "Engine"
    score: Accuracy
    milliseconds: list[float] = field(default_factory=list)

    def run(self, image: UInt8Array, truth: UInt8Array) -> UInt8Array:
        """Return the labels of `image`, timed and scored."""
        began = time.perf_counter()
        seg_map = self.engine.run(image)
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        self.score.add(truth, seg_map)
        return seg_map


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--every", type=click.IntRange(min=1), default=1, help="Only each so many-th photo.")
@click.option("--against", type=click.Choice(["stock"]), help="Run the unmodified graph too, and compare each pixel.")
def evaluate(folder: Path, every: int, against: str | None) -> None:
    """Measure the mean IoU on FOLDER, photos and masks in PASCAL VOC's layout.

    Each photo goes the way it goes in the service: read, resized to IMAGE_SIZE, segmented. The map is brought to the
    photo's own size by nearest neighbour and compared with the mask.

    Example: IMAGE_SIZE=257 python cli.py evaluate VOC2012 --against stock
    """
    try:
        settings = Settings.from_environment()
        examples = read_voc(folder, every)
        model = create_model(settings)
        served = Measured(
            f"{settings.canvas}, {settings.precision}", model.loading.result(), Accuracy(len(model.labels))
        )
    except (ConfigError, SegmenterError, OSError) as error:
        raise click.ClickException(str(error)) from error
    measured = [served]
    if against:
        # Importing TensorFlow takes seconds, which `fetch` does without.
        from core.engine import Engine  # noqa: PLC0415
        from core.graph import read_graph  # noqa: PLC0415

        graph = read_graph(find_weights(settings).path)
        stock = Engine(graph, EngineOptions(settings.threads), optimized=False)
        measured.append(Measured(against, stock, Accuracy(len(model.labels))))
    pixels = different = 0
    with click.progressbar(examples, label=f"{len(examples)} photos", file=sys.stderr) as bar:
        for photo, mask in bar:
            truth = np.asarray(Image.open(mask))
            image = model.resize(read_image(photo.read_bytes(), max_pixels=10**9, enough=settings.image_size))
            maps = [one.run(image, truth) for one in measured]
            pixels += maps[0].size
            different += int(np.count_nonzero(maps[0] != maps[-1]))
    _print_table(model.labels, measured)
    if against:
        print(f"{different:,} of {pixels:,} pixels ({different / pixels:.4%}) differ from {against}")


def _print_table(labels: tuple[str, ...], measured: list[Measured]) -> None:
    width = max(len(one.name) for one in measured) + 2
    print(f"{'':14}" + "".join(f"{one.name:>{width}}" for one in measured))
    for class_, label in enumerate(labels):
        print(f"{label:14}" + "".join(f"{100 * one.score.iou[class_]:{width}.2f}" for one in measured))
    print(f"{'mean IoU':14}" + "".join(f"{100 * one.score.mean_iou:{width}.2f}" for one in measured))
    print(f"{'pixels right':14}" + "".join(f"{one.score.pixel_accuracy:{width}.2%}" for one in measured))
    print(f"{'median ms':14}" + "".join(f"{statistics.median(one.milliseconds):{width}.1f}" for one in measured))


if __name__ == "__main__":
    cli()
