"""The photos in the folders that are given to a command."""

import os
from pathlib import Path

from commands.shared.photos import LeftOut
from commands.shared.sources import photos_in
from tests.support.users import unprivileged


def test_photos_of_folder_leave_out_links_pipes_and_results(tmp_path: Path) -> None:
    for name in ("b.jpg", "sub/a.jpg", "out/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "missing")
    left_out = LeftOut()
    found = [path.relative_to(tmp_path) for path in photos_in(tmp_path, left_out, tmp_path / "out")]
    # A link that leads nowhere is a photo that is lost, and will be reported.
    assert list(map(str, found)) == ["b.jpg", "lost.jpg", "sub/a.jpg"]
    assert left_out.lines() == [
        f"left out, links to folders: {tmp_path}/loop",
        f"left out, pipes, sockets or devices: {tmp_path}/pipe.jpg",
    ]


def test_unreadable_subfolder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    (tmp_path / "a.jpg").touch()
    left_out = LeftOut()
    with unprivileged(tmp_path):
        assert list(photos_in(tmp_path, left_out)) == [tmp_path / "a.jpg"]
    assert left_out.errors == [f"{tmp_path}/closed: Permission denied; the photos in it are left out"]
