"""`python cli.py predict`: what the service would answer, written to files."""

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from core.output.encode import BODIES, overlay_jpeg_body
from app import create_model
from config import ConfigError, Settings
from core.errors import SegmenterError
from core.labels import class_ids
from core.output.segmentation import Segmentation

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
OURS = re.compile(rf".*\.({'|'.join(BODIES)})\.png")


@click.command()
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


def ending_of(output: str) -> str:
    """Return what follows a photo's name in that of its `output`."""
    return f"{output}.{'json' if output in ('map', 'objects') else 'png'}"


def is_photo(name: str) -> bool:
    """Return whether a file in a folder is a photo, by its name, and not what an earlier run has written there."""
    return name.lower().endswith(SUFFIXES) and not OURS.fullmatch(name)


def destinations(photos: Iterable[Path], output: str, destination: Path) -> dict[Path, Path]:
    """Return where the `output` of each photo is written; folders are taken as the photos in them, in their order."""
    ending = ending_of(output)
    found: dict[Path, Path] = {}  # each photo's folder below the destination
    for photo in photos:
        if photo.is_dir():
            inside = (path for path in sorted(photo.rglob("*")) if is_photo(path.name) and path.is_file())
            found |= {path: path.parent.relative_to(photo) for path in inside}
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
