"""`python cli.py export`: write the optimized graph for other engines, and check its labels."""

from pathlib import Path

import click
import numpy as np

from commands.export.formats import FORMATS, Format, Run
from commands.shared.errors import failures_of
from commands.shared.help import MODEL_SETTINGS, UNUSABLE, epilog
from config import Settings
from core.errors import ModelError
from core.image.decode import read_image
from core.image.resize import resized
from core.types import EngineOptions, UInt8Array
from segmenter import find_weights

ASSETS = Path(__file__).parents[2] / "assets"
SAMPLES = ("astronaut.jpg", "chelsea.jpg")
# The share of pixels that must have the label of the service: engines round differently.
MIN_EQUAL = 0.999


class Shape(click.ParamType[tuple[int, int]]):
    """A size in pixels, WIDTHxHEIGHT."""

    name = "WIDTHxHEIGHT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return the height and the width."""
        width, _, height = value.partition("x")
        try:
            size = int(height), int(width)
        except ValueError:
            size = (0, 0)
        if not all(16 <= pixels <= 1024 for pixels in size):
            self.fail(f"{value!r} can't be used; allowed: two numbers from 16 to 1024, such as 513x385", param, ctx)
        return size


@click.command(
    short_help="Write the optimized graph for other engines.",
    epilog=epilog(
        *MODEL_SETTINGS,
        done="the graph was written, and its labels are those of the service",
        failed=f"the file can't be written, its labels differ, or {UNUSABLE}",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--size", type=Shape(), help="The only size of images, of a .tflite; default: a square of IMAGE_SIZE.")
def export(file: Path, size: tuple[int, int] | None) -> None:
    """Write the graph of MODEL_TYPE or MODEL_PATH, optimized and in float32, to FILE for other engines.

    The end of FILE is the format: .pb is a frozen GraphDef, .onnx is ONNX, .tflite is TensorFlow Lite (LiteRT), and a
    name without an end is the folder of a SavedModel. The input is an image, uint8 RGB, that has been resized; the
    output is the label of each pixel. docs/models.md describes both. Then the file runs in its own engine on sample
    photos, and its labels are compared with those of the service.

    \b
    Examples:
      python cli.py export segmenter.onnx
      python cli.py export --size 513x385 segmenter.tflite
    """
    format_ = FORMATS.get(file.suffix.lower())
    if format_ is None:
        raise click.BadParameter(f"{file.name!r} has no known format; allowed: .pb, .onnx, .tflite, or a folder's name")
    if size and not format_.one_size:
        raise click.BadParameter(f"{format_.name} takes images of any size; --size is for .tflite")
    if file.exists():
        raise click.BadParameter(f"{str(file)!r} exists; give another name, or remove it")
    with failures_of("export"):
        settings = Settings.from_environment()
        if format_.one_size and size is None:
            size = settings.image_size, settings.image_size
        _export(settings, file, format_, size)


def _export(settings: Settings, file: Path, format_: Format, size: tuple[int, int] | None) -> None:
    # These import TensorFlow, which takes seconds that a wrong argument should not cost.
    from core.export import portable_graph  # noqa: PLC0415
    from core.graph.frozen_graph import read_graph  # noqa: PLC0415
    from core.runtime.engine import Engine  # noqa: PLC0415

    graph = read_graph(find_weights(settings).path)
    try:
        format_.write(portable_graph(graph, settings.canvas, size, dilates=format_.dilates), file)
    except OSError as error:
        raise ModelError(f"{file} can't be written: {error.strerror}") from error
    click.echo(f"wrote {file}, {format_.name}")
    engine = Engine(graph, EngineOptions(settings.threads, settings.canvas))
    equal = _share_of_equal_labels(engine.run, format_.load(file), _photos(settings, size))
    click.echo(f"{equal:.4%} of its labels of the sample photos are those of the service at float32")
    if equal < MIN_EQUAL:
        raise ModelError(f"{file} can't be used: expected at least {MIN_EQUAL:.1%} equal labels")


def _photos(settings: Settings, size: tuple[int, int] | None) -> list[UInt8Array]:
    """Return the sample photos as the service resizes them, and once more at half of IMAGE_SIZE; or parts of `size`."""
    photos = [read_image((ASSETS / name).read_bytes(), settings.max_image_pixels) for name in SAMPLES]
    if size:
        # The middle of an image that is larger: no side of a sample is twice as long as the other.
        images = [np.asarray(resized(photo, 2 * max(size))) for photo in photos]
        return [_middle(image, *size) for image in images]
    sides = (settings.image_size, max(16, settings.image_size // 2))
    return [np.asarray(resized(photo, side)) for photo in photos for side in sides]


def _middle(image: UInt8Array, height: int, width: int) -> UInt8Array:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _share_of_equal_labels(one: Run, other: Run, photos: list[UInt8Array]) -> float:
    return float(np.mean([np.mean(one(photo) == other(photo)) for photo in photos]))
