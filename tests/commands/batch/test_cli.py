"""The command line of `batch` without a run: its messages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import cli
from commands.batch.cli import REQUIREMENTS
from tests.support.hostile_names import write_archive
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import TIMEOUT


def batch_error(*arguments: object, status: int = 2) -> str:
    """Return the output of `cli.py batch`, which must fail with `status`."""
    result = CliRunner().invoke(cli, ["batch", *map(str, arguments)])
    assert result.exit_code == status
    assert result.stdout == ""
    return result.stderr


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(CHELSEA, folder)
    return folder


def test_batch_of_file_names_predict() -> None:
    error = batch_error(CHELSEA, "out")
    assert error == f"Error: INPUT='{CHELSEA}' is not a folder; for single photos use predict\n"


def test_batch_without_output_tells_what_ray_took() -> None:
    assert batch_error("photos") == "Error: OUTPUT is missing\n"
    error = batch_error("--ray", "photos", "out")
    assert error == "Error: OUTPUT is missing; --ray took 'photos' for its address: put --ray at the end\n"


def test_batch_of_folder_without_photos_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert batch_error("empty", "out") == f"Error: there are no photos in file://{tmp_path}/empty\n"
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_batch_of_unknown_protocol_names_the_url() -> None:
    error = batch_error("nosuch://bucket", "out", status=1)
    assert error.startswith("Error: nosuch://bucket can't be opened: Protocol not known: nosuch")


@pytest.mark.usefixtures("photos")
def test_batch_with_unreachable_cluster_names_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The command sets these variables, and monkeypatch restores them.
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_BACKEND_LOG_LEVEL"):
        monkeypatch.setenv(name, "")
    error = batch_error("photos", "out", "--ray", "127.0.0.1:9", status=1)
    assert "Error: --ray='127.0.0.1:9' can't be reached: " in error
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


@pytest.mark.parametrize("package", ["pyarrow", "fsspec", "ray"])
def test_batch_without_package_names_the_requirements(package: str, photos: Path) -> None:
    code = f"import sys; sys.modules['{package}'] = None; from cli import cli; cli()"
    command = [sys.executable, "-c", code, "batch", str(photos), str(photos.parent / "out"), "--ray"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    install = f"get it with: pip install -r {REQUIREMENTS}"
    assert run.stderr.splitlines()[-1] == f"Error: batch needs {package}, which is not installed; {install}"
    assert run.returncode == 1
    assert (ROOT / REQUIREMENTS).exists()


def test_batch_of_output_that_can_not_be_written_names_it(tmp_path: Path) -> None:
    error = batch_error("missing", "/proc/out")
    assert error.splitlines() == [
        "Error: INPUT='missing' is not a folder; for single photos use predict",
        "Error: OUTPUT='/proc/out' can't be written: No such file or directory",
    ]


def test_batch_to_output_with_link_that_leads_out_is_refused(photos: Path) -> None:
    Path("out").mkdir()
    Path("out/manifest").symlink_to(photos)
    assert "can't be written: [Errno 40] a link leads out of" in batch_error("photos", "out")
    assert [path.name for path in photos.iterdir()] == ["chelsea.jpg"]


def test_batch_of_archive_whose_names_all_lead_out_ends_as_with_broken_photos() -> None:
    write_archive(Path("in.zip"), {"../three.jpg": CHELSEA.read_bytes()})
    result = CliRunner().invoke(cli, ["batch", "zip::in.zip", "out"])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("Error: 1 photos or folders have no result")
