"""`cli.py fetch`: the path that it prints, and its messages. The mobile graph stands for the full model's."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import cli
from core.weights.registry import MOBILE, MODELS
from tests.support.model_zoo import archive_of, sha512_of, zoo
from tests.support.paths import ASTRONAUT


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder MODEL_CACHE, where MODEL_SHA512 makes the mobile graph valid as the full model's."""
    monkeypatch.setenv("MODEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODEL_SHA512", f"full={sha512_of(MOBILE)}")
    return tmp_path / "cache"


def fetch(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["fetch", *arguments])


def test_fetch_of_bundled_model_prints_its_path() -> None:
    result = fetch("mobile")
    assert (result.exit_code, result.output) == (0, f"{MOBILE}\n")


def test_fetch_from_archive_prints_path_of_installed_graph(cache: Path, tmp_path: Path) -> None:
    result = fetch("full", "--from", str(archive_of(MOBILE, tmp_path)))
    assert result.exit_code == 0, result.output
    [installed] = cache.glob("*.pb")
    assert result.stdout == f"{installed}\n"
    assert installed.read_bytes() == MOBILE.read_bytes()


def test_fetch_for_int8_names_the_missing_calibration(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRECISION", "int8")
    archive = str(archive_of(MOBILE, tmp_path))
    result = fetch("full", "--from", archive)
    [installed] = cache.glob("*.pb")
    assert (result.exit_code, result.stdout) == (0, f"{installed}\n")
    calibration = installed.with_suffix(".int8.json")
    assert result.stderr == (
        f"PRECISION=int8 needs {calibration}, which does not exist; "
        "make it with: MODEL_TYPE=full python cli.py calibrate FOLDER, a folder of photos\n"
    )
    calibration.touch()
    assert fetch("full", "--from", archive).stderr == ""


def test_fetch_from_another_file_reports_wrong_graph(cache: Path) -> None:
    result = fetch("full", "--from", str(ASTRONAUT))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: the graph in {ASTRONAUT} is not the graph of full: its sha512 is ")
    assert not list(cache.glob("*.pb"))


def test_fetch_from_mirror_downloads_graph_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zoo(**{MODELS["full"].archive: archive_of(MOBILE, tmp_path).read_bytes()}) as server:
        monkeypatch.setenv("MODEL_MIRROR", server.url)
        first, second = fetch("full"), fetch("full")
    [downloaded] = cache.glob("*.pb")
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert first.stdout == second.stdout == f"{downloaded}\n"
    assert downloaded.read_bytes() == MOBILE.read_bytes()
    assert len(server.asked) == 1
