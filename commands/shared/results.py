"""The encoders and the names of results: no two photos have one path, and none is a photo."""

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from commands.shared.files import check_inside, ignores_case, is_special, path_key, why_not_writable
from commands.shared.sources import Photo
from core import parameters
from core.output.encode import Encoder
from core.outputs import OUTPUTS, file_suffix

STANDARD_OUTPUT = "-"
# An ending that looks like that of a file; results_v1.2 is a folder.
FILE_ENDING = re.compile(r"\.[a-z][a-z0-9]{1,4}")


def endings(output: str) -> list[str]:
    """Return the endings of files that can hold `output`; the first is that of its first media type."""
    return [f".{suffix}" for suffix in OUTPUTS[output].suffixes]


def encoder(output: str, details: Mapping[str, Any], file: str = "") -> Encoder | None:
    """Return the encoder of `output` with the parameters `details`, for the media type that the ending of `file` tells.

    The output "none" has none.
    """
    if output not in OUTPUTS:
        return None
    ending = os.path.splitext(file)[1].lower().removeprefix(".")
    return parameters.encoder(output, details, OUTPUTS[output].suffixes.get(ending, ""))


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
        for parent in sorted({file.parent for file in self.files.values() if file}):
            try:
                check_inside(parent, folder)
            except OSError as error:
                self.problems.append(f"-o: {error.filename}: {error.strerror}")
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
