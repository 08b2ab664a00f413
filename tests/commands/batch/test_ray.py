"""`cli.py batch` with real Ray: its rows and files, and runs that go on without Ray and back."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import SegmenterError
from core.image.decode import read_image
from core.model import ModelWrapper
from core.output.encode import encode_mask
from tests.commands.batch.runs import files, finish, manifest, started
from tests.support.paths import ASTRONAUT, CHELSEA

pytestmark = pytest.mark.slow


def test_batch_processes_each_photo_once_and_later_runs_only_new_ones(
    tmp_path: Path, environment: dict[str, str], small_model: ModelWrapper
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos" / "out"
    (photos / "more").mkdir(parents=True)
    shutil.copy(ASTRONAUT, photos / "astronaut.jpg")
    shutil.copy(CHELSEA, photos / "more" / "cat.JPG")
    (photos / "loop").symlink_to(photos)
    (photos / "truncated.png").write_bytes(CHELSEA.read_bytes()[:5000])
    (photos / "empty.jpg").touch()
    (photos / "notes.txt").write_text("not a photo, by its name")
    # Ray's workers must import the modules of the project, not these files in the current folder of the command.
    for module in ("config", "segmenter"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit")

    def batch(*arguments: object) -> str:
        options = "--size", "model", "--ray", "local"
        with started(*arguments, *options, cwd=tmp_path, environment=environment) as process:
            return finish(process, status=1)  # two photos are broken

    assert batch("photos", "photos/out").startswith("2 done, 0 skipped, 2 broken, 0 left in ")
    rows = manifest(out)
    assert set(rows) == {"astronaut.jpg", "more/cat.JPG", "truncated.png", "empty.jpg"}
    for name in ("truncated.png", "empty.jpg"):
        with pytest.raises(SegmenterError) as caught:
            read_image((photos / name).read_bytes(), 10**9, 65)
        assert (rows[name]["error"], rows[name]["mask"], rows[name]["size"]) == (str(caught.value), None, None)
    cat = rows["more/cat.JPG"]
    assert (cat["size"], cat["mask"], cat["error"]) == ([65, 43], "more/cat.JPG.mask.png", None)
    with Image.open(out / cat["mask"]) as mask:
        assert cat["areas"][cat["objects"].index("cat")] == np.count_nonzero(np.asarray(mask) == 8)
    written = files(out)
    assert sum(path.suffix == ".png" for path in written) == 2

    # The folder of the masks is in that of the photos; the masks are not taken for photos.
    assert batch(photos, out).startswith("0 done, 4 skipped, 0 broken, 0 left in ")
    assert files(out) == written

    shutil.copy(CHELSEA, photos / "new.tif")
    assert batch(f"file://{photos}", f"file://{out}").startswith("1 done, 4 skipped, 0 broken, 0 left in ")
    assert manifest(out).keys() - rows.keys() == {"new.tif"}
    assert files(out).items() > written.items()
    encoded = small_model.segment(CHELSEA.read_bytes(), encode_mask)
    assert (out / "new.tif.mask.png").read_bytes() == encoded.content


def test_batch_in_one_process_goes_on_where_ray_was_interrupted_and_back(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    counts = []
    for number, option in enumerate([["--ray"], [], ["--ray"]]):
        shutil.copy(CHELSEA, photos / f"{number}.jpg")
        with started(photos, out, *option, cwd=tmp_path, environment=environment) as process:
            counts.append(finish(process).partition(" in ")[0])
    assert counts == [f"1 done, {number} skipped, 0 broken, 0 left" for number in range(3)]
    assert set(manifest(out)) == {"0.jpg", "1.jpg", "2.jpg"}
    assert len({path.read_bytes() for path in out.glob("*.png")}) == 1
