"""Names and writes the results of photos: no two at one path, none over a photo, each whole or not there at all."""

import os
import re
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from commands.sources import Photo
from core.output.encode import ENCODERS, WEBP, Encoder, encode_overlay_jpeg, file_suffix

STANDARD_OUTPUT = "-"
JPEG_ENDINGS = (".jpg", ".jpeg")
# An ending that looks like that of a file; results_v1.2 is a folder.
FILE_ENDING = re.compile(r"\.[a-z][a-z0-9]{1,4}")


def endings(output: str) -> tuple[str, ...]:
    """Return the endings of files that can hold `output`; the first is that of its format without options."""
    more = {"overlay": JPEG_ENDINGS, "cutout": (".webp",)}
    return (f".{file_suffix(output).rpartition('.')[2]}", *more.get(output, ()))


def encoder(output: str, details: Mapping[str, Any], file: str = "") -> Encoder | None:
    """Return the encoder of `output` with the options `details`, in the format that the ending of `file` tells.

    The output "none" has none.
    """
    ending = os.path.splitext(file)[1].lower()
    if output == "overlay" and ending in JPEG_ENDINGS:
        return encode_overlay_jpeg
    if output == "cutout" and ending == ".webp":
        details = {**details, "mimetype": WEBP}
    found = ENCODERS.get(output)
    return partial(found, **details) if found and details else found


class Destinations:
    """The `files` for results: the path of each photo's result, or None for standard output.

    `problems` has a line for each reason why -o or a result can't be written; with one, no folder is created.
    """

    def __init__(self, photos: list[Photo], output: str, destination: str) -> None:
        self.problems: list[str] = []
        self.files: dict[Photo, Path | None] = {}
        self._output = output
        if destination == STANDARD_OUTPUT:
            self._set_single(photos, None, "-o - is one output")
        elif self._is_file(photos, destination):
            self._check_ending(destination)
            self._set_single(photos, Path(destination), f"-o {destination} is one file")
        elif not destination:
            self.problems.append("-o is empty; give a folder, a file or -")
        else:
            self._set_folder(photos, Path(destination))
        self._check_photos()
        if not self.problems:
            self._check_folders()

    def _is_file(self, photos: list[Photo], destination: str) -> bool:
        if not destination or destination.endswith("/") or os.path.isdir(destination):
            return False
        ending = os.path.splitext(destination)[1].lower()
        known = ending == ".json" or ending in Image.registered_extensions()
        return known or os.path.exists(destination) or (len(photos) == 1 and bool(FILE_ENDING.fullmatch(ending)))

    def _check_ending(self, destination: str) -> None:
        ending = os.path.splitext(destination)[1].lower()
        allowed = endings(self._output)
        if ending not in allowed and not (os.path.exists(destination) and not ending):
            self.problems.append(
                f"-o {destination}: a file for --output {self._output} ends with {' or '.join(allowed)}; "
                "a folder ends with /"
            )

    def _set_single(self, photos: list[Photo], file: Path | None, what: str) -> None:
        if len(photos) != 1:
            self.problems.append(f"{what}, but there are {len(photos)} photos; give a folder, with / at its end")
        self.files = dict.fromkeys(photos, file)

    def _set_folder(self, photos: list[Photo], folder: Path) -> None:
        """Give each photo the shortest name that no other has, and report those that have none."""
        ending = f".{file_suffix(self._output)}"
        fold = ignores_case(folder)
        level = dict.fromkeys(photos, 0)
        while True:
            groups: dict[str, list[Photo]] = defaultdict(list)
            for photo in photos:
                groups[path_key(photo.names[level[photo]], fold=fold)].append(photo)
            equal = [group for group in groups.values() if len(group) > 1]
            longer = [photo for group in equal for photo in group if level[photo] + 1 < len(photo.names)]
            if not longer:
                break
            for photo in longer:
                level[photo] += 1
        self.files = {photo: folder / f"{photo.names[level[photo]]}{ending}" for photo in photos}
        for first, second, *_ in equal:
            self.problems.append(
                f"the results of {first} and {second} would both be {self.files[first]}; rename one, or segment them "
                "separately, each with its own -o"
            )

    def _check_photos(self) -> None:
        """Report results that would overwrite a photo."""
        inputs = {os.path.realpath(photo.path): photo for photo in self.files if photo.path}
        for photo, file in self.files.items():
            if file and (over := inputs.get(os.path.realpath(file))) and file.is_file():
                self.problems.append(f"the result of {photo} would overwrite the photo {over}; use another -o")

    def _check_folders(self) -> None:
        """Create the folders of the results and report those that can't be written."""
        made: list[Path] = []
        files = [file for file in self.files.values() if file and not is_special(file)]
        for folder in sorted({file.parent for file in files}):
            if problem := why_not_writable(folder, made):
                self.problems.append(f"-o: {folder} can't be written: {problem}")
        self.problems += [f"-o: {file} is a folder; remove it, or use another -o" for file in files if file.is_dir()]
        if self.problems:
            for folder in reversed(made):
                folder.rmdir()


def why_not_writable(folder: Path, made: list[Path]) -> str:
    """Create `folder`; return why files can't be written to it, "" if they can. Add the created folders to `made`."""
    try:
        for parent in [*reversed(folder.parents), folder]:
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def path_key(path: Path, *, fold: bool) -> str:
    """Return a text that is equal for equal paths, with `fold` for a file system that ignores case and composition."""
    return unicodedata.normalize("NFC", str(path)).casefold() if fold else str(path)


def ignores_case(folder: Path) -> bool:
    """Return whether the file system of `folder`, which need not exist yet, ignores the case of names."""
    existing = next(parent for parent in [folder.absolute(), *folder.absolute().parents] if parent.is_dir())
    try:
        with tempfile.NamedTemporaryFile(prefix=".case-", dir=existing) as file:
            return Path(file.name).with_name(Path(file.name).name.upper()).exists()
    except OSError:
        return False  # it can't be written, which is reported elsewhere


def is_special(file: Path) -> bool:
    """Return whether `file` is a device or a pipe, which can't be replaced."""
    return file.exists() and not file.is_file() and not file.is_dir()


def write(file: Path, content: bytes) -> None:
    """Write `content` to `file`, which appears complete or not at all. Raises OSError."""
    if is_special(file):
        file.write_bytes(content)
        return
    with complete(file) as opened:
        opened.write(content)


@contextmanager
def complete(file: Path) -> Iterator[BinaryIO]:
    """Open a new file that gets the name `file` when the block ends without an exception. Raises OSError."""
    # The name depends only on the file, so that the next run overwrites the part of a killed process.
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as opened:
            yield opened
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def duplicates(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of `paths` that are one on a file system that ignores the case of names."""
    seen: dict[str, str] = {}
    for path in paths:
        first = seen.setdefault(path_key(Path(path), fold=True), path)
        if first != path:
            yield first, path
