"""The encoders and the files of results: their paths are unique and never overwrite a photo."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from commands.shared.files import check_inside, is_special, why_not_writable
from commands.shared.names import equal_results, ignores_case, result_name
from commands.shared.sources import Source
from core import parameters
from core.output.encode import Encoder
from core.outputs import OUTPUTS

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
    mimetype = OUTPUTS[output].suffixes.get(os.path.splitext(file)[1].lower().removeprefix("."))
    return parameters.encoder(output, details, *([mimetype] if mimetype else []))


class Destinations:
    """The `files` for results: the path of each photo's result, or None for standard output.

    `problems` has a line for each reason why -o or a result can't be written. No folder is created yet.
    """

    def __init__(self, sources: list[Source], output: str, destination: str) -> None:
        self.problems: list[str] = []
        self.files: dict[Source, Path | None] = {}
        self._output = output
        if destination == STANDARD_OUTPUT:
            self._set_single(sources, None, "-o - is one output")
        elif self._is_file(sources, destination):
            self._check_ending(destination)
            self._set_single(sources, Path(destination), f"-o {destination} is one file")
        elif not destination:
            self.problems.append("-o is empty; give a folder, a file or -")
        else:
            self._set_folder(sources, Path(destination))
        self._check_photos()

    def _is_file(self, sources: list[Source], destination: str) -> bool:
        if not destination or destination.endswith("/") or os.path.isdir(destination):
            return False
        ending = os.path.splitext(destination)[1].lower()
        known = any(ending in endings(output) for output in OUTPUTS) or ending in Image.registered_extensions()
        return known or os.path.exists(destination) or (len(sources) == 1 and bool(FILE_ENDING.fullmatch(ending)))

    def _check_ending(self, destination: str) -> None:
        ending = os.path.splitext(destination)[1].lower()
        allowed = endings(self._output)
        if ending not in allowed and not (os.path.exists(destination) and not ending):
            self.problems.append(
                f"-o {destination}: a file for --output {self._output} ends with {' or '.join(allowed)}; "
                "a folder ends with /"
            )

    def _set_single(self, sources: list[Source], file: Path | None, what: str) -> None:
        if len(sources) != 1:
            self.problems.append(f"{what}, but there are {len(sources)} photos; give a folder, with / at its end")
        self.files = dict.fromkeys(sources, file)

    def _set_folder(self, sources: list[Source], folder: Path) -> None:
        self.files = {source: folder / result_name(source.name, self._output) for source in sources}
        for parent in sorted({file.parent for file in self.files.values() if file}):
            try:
                check_inside(parent, folder)
            except OSError as error:
                self.problems.append(f"-o: {error.filename}: {error.strerror}")
        names = ((source, source.name) for source in sources)
        if problem := equal_results(names, fold=ignores_case(folder)):
            self.problems.append(problem)

    def _check_photos(self) -> None:
        """Report results that would overwrite a photo."""
        inputs = {os.path.realpath(source.path): source for source in self.files if source.path}
        for source, file in self.files.items():
            if file and (over := inputs.get(os.path.realpath(file))) and os.path.isfile(file):
                self.problems.append(f"the result of {source} would overwrite the photo {over}; use another -o")

    def make_folders(self) -> list[str]:
        """Create the folders of the results; return why they can't be written, and leave no folder behind then."""
        made: list[Path] = []
        files = [file for file in self.files.values() if file and not is_special(file)]
        problems = [
            f"-o: {folder} can't be written: {problem}"
            for folder in sorted({file.parent for file in files})
            if (problem := why_not_writable(folder, made))
        ]
        problems += [f"-o: {file} is a folder; remove it, or use another -o" for file in files if os.path.isdir(file)]
        if problems:
            for folder in reversed(made):
                folder.rmdir()
        return problems
