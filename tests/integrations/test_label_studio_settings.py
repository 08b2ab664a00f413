"""The settings of the backend for Label Studio."""

import dataclasses
import re
import subprocess
import sys

import pytest

from integrations.label_studio.errors import SettingsError
from integrations.label_studio.settings import Settings
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT

NEEDED = {"LABEL_STUDIO_URL": "http://localhost:8080/", "LABEL_STUDIO_API_KEY": "token"}


def test_settings_of_needed_variables_are_these_and_the_defaults() -> None:
    expected = Settings(label_studio_url="http://localhost:8080", label_studio_api_key="token")
    assert Settings.from_environment(NEEDED) == expected


def test_settings_of_all_variables_are_those() -> None:
    environment = {
        "LABEL_STUDIO_URL": "https://studio.example/path",
        "LABEL_STUDIO_API_KEY": "token",
        "SEGMENTER_URL": "http://segmenter:5000",
        "SEGMENTER_API_KEY": "key",
        "IMAGE_ORIGINS": "https://bucket.example, http://files:81",
        "MAX_IMAGE_MB": "5",
        "MIN_SCORE": "0.5",
        "EDGES": "model",
        "HOST": "0.0.0.0",
        "PORT": "80",
    }
    assert Settings.from_environment(environment) == Settings(
        label_studio_url="https://studio.example/path",
        label_studio_api_key="token",
        segmenter_url="http://segmenter:5000",
        segmenter_api_key="key",
        image_origins=(("https", "bucket.example", 443), ("http", "files", 81)),
        max_image_mb=5,
        min_score=0.5,
        edges="model",
        host="0.0.0.0",
        port=80,
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("LABEL_STUDIO_URL", "", "LABEL_STUDIO_URL is missing; set it"),
        ("LABEL_STUDIO_API_KEY", " ", "LABEL_STUDIO_API_KEY is missing; set it"),
        ("LABEL_STUDIO_URL", "http://studio.example//a", "LABEL_STUDIO_URL: 'http://studio.example//a' is not allowed"),
        ("LABEL_STUDIO_URL", "http://studio.example/a%2fb", "allowed: a plain path"),
        ("LABEL_STUDIO_URL", "localhost:8080", "LABEL_STUDIO_URL: 'localhost:8080' is not allowed; allowed: a URL"),
        ("SEGMENTER_URL", "ftp://a", "SEGMENTER_URL: 'ftp://a' is not allowed; allowed: a URL"),
        ("IMAGE_ORIGINS", "https://a,*", "IMAGE_ORIGINS: '*' is not allowed; allowed: a URL"),
        ("MIN_SCORE", "2", "MIN_SCORE: '2' is not allowed; allowed: a number from 0 to 1"),
        ("MAX_IMAGE_MB", "many", "MAX_IMAGE_MB: 'many' is not allowed; allowed: a number from 0 to 1024"),
        ("PORT", "nan", "PORT: 'nan' is not allowed; allowed: a number from 0 to 65535"),
        ("EDGES", "sharp", "EDGES: 'sharp' is not allowed; allowed: photo, model"),
    ],
)
def test_settings_with_wrong_value_name_variable_value_and_fix(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        Settings.from_environment(NEEDED | {name: value})


def test_start_with_wrong_setting_ends_with_one_line() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "integrations.label_studio"],
        env=NEEDED | {"EDGES": "sharp"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert (run.returncode, run.stderr) == (1, "error: EDGES: 'sharp' is not allowed; allowed: photo, model\n")


def test_document_lists_each_setting_with_its_default() -> None:
    text = (ROOT / "docs" / "annotation.md").read_text()
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", text, re.MULTILINE))
    expected = {
        field.name.upper(): "needed" if field.default is dataclasses.MISSING else str(field.default or "").strip("()")
        for field in dataclasses.fields(Settings)
    }
    assert listed == expected | {"MIN_SCORE": "0", "PIECES": "false"}
