"""`python cli.py predict`: segment photos without a server, and write the results to files."""

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click

from commands.options import classes_option, edges_option, min_score_option, output_option, size_option
from config import ConfigError, Settings
from core.errors import SegmenterError
from core.labels import class_ids
from core.output.encode import ENCODERS, encode_overlay_jpeg, file_suffix
from core.types import Edges, Options, Size
from segmenter import create_model

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
# The pictures that this command writes.
RESULTS = re.compile(rf".*\.({'|'.join(ENCODERS)})\.png")


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PHOTO...")
@output_option("overlay")
@size_option("original")
@edges_option
@classes_option
@min_score_option
@click.option(
    "-o",
    "destination",
    type=click.Path(path_type=Path),
    default=Path("."),
    help="The folder to write to; default: the current one. For one photo also a file (a .jpg makes an overlay a JPEG) "
    "or - for standard output.",
)
def predict(  # noqa: PLR0913, PLR0917 (one for each option)
    photos: tuple[Path, ...],
    output: str,
    size: Size,
    edges: Edges | None,
    classes: str | None,
    min_score: float,
    destination: Path,
) -> None:
    """Segment each PHOTO, or the photos in a folder, without a server.

    Writes what the service would return: a file with the PHOTO's name and .map.json, .objects.json, .mask.png,
    .overlay.png, .cutout.png or .confidence.png. A photo that can't be read is reported, and the others are segmented.

    \b
    Examples:
      python cli.py predict photo.jpg                              photo.overlay.png
      python cli.py predict photo.jpg --output objects -o -        the classes in it, as JSON
      python cli.py predict holiday/ --output cutout --classes person -o people/
    """
    try:
        settings = Settings.from_environment()
        model = create_model(settings)
        model.loading.result()
        ids = class_ids(classes.split(","), model.labels) if classes else ()
    except (ConfigError, SegmenterError) as error:
        raise click.ClickException(str(error)) from error
    is_jpeg = destination.suffix in {".jpg", ".jpeg"} and output == "overlay"
    encode = encode_overlay_jpeg if is_jpeg else ENCODERS[output]
    failed = []
    files = destinations(photos, output, destination)
    label = f"{len(files)} photos"
    with click.progressbar(files.items(), label=label, file=sys.stderr, hidden=len(files) == 1) as bar:
        for photo, file in bar:
            try:
                encoded = model.segment(photo.read_bytes(), encode, Options(size, edges, ids, min_score))
                with click.open_file(str(file), "wb", atomic=str(file) != "-") as opened:
                    opened.write(encoded.content)
            except (SegmenterError, OSError) as error:
                failed.append(f"{photo}: {error}")
    for line in failed:
        click.echo(line, err=True)
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(files)} photos could not be segmented")


def is_photo(name: str) -> bool:
    """Return whether the file `name` is a photo, by its suffix, and not a result of this command."""
    return name.lower().endswith(SUFFIXES) and not RESULTS.fullmatch(name)


def destinations(photos: Iterable[Path], output: str, destination: Path) -> dict[Path, Path]:
    """Return the file for the `output` of each photo, in order; a folder stands for the photos in it."""
    suffix = file_suffix(output)
    found: dict[Path, Path] = {}  # the folder of each photo, relative to the destination
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
    # Photos whose names differ only in the suffix keep it in the name of the result.
    stems = Counter(folder / photo.stem for photo, folder in found.items())
    written = {}
    for photo, folder in found.items():
        name = photo.stem if stems[folder / photo.stem] == 1 else photo.name
        written[photo] = destination / folder / f"{name}.{suffix}"
    for folder in {file.parent for file in written.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    return written
