"""The names of results, and of photos: which are safe, and which results would be one file."""

import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePath

from core.errors import SegmenterError
from core.outputs import OUTPUTS, file_suffix

# The names of results, with each ending that a result can have; see result_name().
RESULTS = re.compile("|".join(rf".+\.{name}\.({'|'.join(row.suffixes)})" for name, row in OUTPUTS.items()))
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def result_name(photo: PurePath | str, output: str) -> str:
    """Return the path of the `output` of a photo, below the folder of the results: day/a.jpg.mask.png of day/a.jpg.

    `photo` is its path below the folder that is given to the command, or its name alone if the photo itself is given.
    """
    return f"{photo}.{file_suffix(output)}"


def check_path(path: str) -> None:
    """Raise SegmenterError if `path` can lead out of the folder that it is relative to, on any file system.

    Names come from archives and from other machines, and a result is named like its photo.
    """
    if CONTROL.search(path):
        reason = "control characters"
    elif "\\" in path:
        reason = "a backslash, which some systems take for a slash"
    elif {"", ".", ".."} & set(path.split("/")):
        reason = "a part that is empty, . or .., and can lead out of the folder"
    else:
        return
    raise SegmenterError(f"{path!r} can't be used: the name has {reason}; rename it")


def path_key(path: PurePath, *, fold: bool) -> str:
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


def equal_results(photos: Iterable[tuple[object, PurePath]], *, fold: bool) -> str:
    """Return a line that names two photos whose results would be one file; "" if there are none.

    `photos` are pairs of a photo and its path as result_name() takes it. `fold` is that of path_key().
    """
    seen: dict[str, object] = {}
    equal = []
    for photo, path in photos:
        key = path_key(path, fold=fold)
        if key in seen:
            equal.append((seen[key], photo))
        else:
            seen[key] = photo
    if not equal:
        return ""
    first, second = equal[0]
    pairs = f" (1 of {len(equal)} pairs)" if len(equal) > 1 else ""
    return (
        f"the results of {first} and {second} would be one file{pairs}; rename one, or write their results to "
        "different folders"
    )


def results_in_the_way(photos: Iterable[str], done: Iterable[str]) -> dict[str, str]:
    """Return an error for each of `photos` whose result would overwrite that of another one, or of one that is `done`.

    Photos are paths, and the file system of the results ignores case and composition.
    """
    seen = {path_key(PurePath(path), fold=True): path for path in done}
    problems = {}
    for path in photos:
        other = seen.setdefault(path_key(PurePath(path), fold=True), path)
        if other != path:
            problems[path] = f"{path}: its result would overwrite that of {other}; rename one"
    return problems
