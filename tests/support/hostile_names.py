"""Names in archives and listings that would lead out of the folder of the results, and archives with them."""

import io
import tarfile
import zipfile
from pathlib import Path

# Each could be that of a photo.
HOSTILE_NAMES = (
    "../../../three.jpg",
    "/etc/x.jpg",
    "//host/share/x.jpg",
    "a/../../b.jpg",
    "sub/../c.jpg",
    "./d.jpg",
    "a/./e.jpg",
    "a//f.jpg",
    "C:\\x.jpg",
    "..\\..\\g.jpg",
    "line\nfeed.jpg",
    "escape\x1b[31m.jpg",
    "nul\x00.jpg",
    "next\x85line.jpg",
)


def write_archive(file: Path, entries: dict[str, bytes]) -> None:
    """Write a ZIP or TAR archive, as the ending of `file` tells, with the names of `entries` as they are."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as zipped:
            for name, content in entries.items():
                entry = zipfile.ZipInfo("x")
                entry.filename = name  # the constructor would cut the name at its NUL
                zipped.writestr(entry, content)
    else:
        with tarfile.open(file, "w") as tar:
            for name, content in entries.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
