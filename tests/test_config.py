"""Settings: what the environment may say, and what a bad value is told."""

import os
import subprocess
import sys
import time

import pytest

import config
from config import ConfigError, Settings
from tests.support.paths import ROOT


def test_defaults_are_used_for_unset_and_empty_variables() -> None:
    assert Settings.from_environment({"IMAGE_SIZE": " "}) == Settings()


def test_each_kind_of_value_is_read() -> None:
    settings = Settings.from_environment(
        {
            "IMAGE_SIZE": "333",
            "REQUEST_TIMEOUT": "2.5",
            "CORS_ENABLE": "True",
            "CORS_ORIGINS": "https://a.example, http://localhost:3000",
        }
    )
    assert (settings.image_size, settings.request_timeout, settings.cors_enable) == (333, 2.5, True)
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MODEL_TYPE", "huge", "mobile"),
        ("IMAGE_SIZE", "15", "16 to 1024"),
        ("IMAGE_SIZE", "1025", "16 to 1024"),
        ("CANVAS", "fitted", "fit or fixed"),
        ("PRECISION", "int8", "float32 or bfloat16 or auto"),
        ("IMAGE_SIZE", "big", "16 to 1024"),
        ("IMAGE_SIZE", "51.3", "16 to 1024"),
        ("PORT", "0", "1 to 65535"),
        ("CORS_ENABLE", "yes", "true or false"),
        ("CORS_ORIGINS", "example.com", "https://example.com"),
        ("REQUEST_TIMEOUT", "nan", "1 to 3600"),
        ("QUEUE_SIZE", "0", "1 to 1000"),
        ("THREADS", "-1", "1 to 1024"),
    ],
)
def test_bad_value_names_the_variable_the_value_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment({name: value})
    message = str(caught.value)
    assert f"{name}={value!r}" in message
    assert allowed in message


def test_debug_server_is_for_this_machine_only() -> None:
    assert Settings.from_environment({"DEBUG": "true", "HOST": "127.0.0.1"}).debug
    with pytest.raises(ConfigError, match=r"HOST=127\.0\.0\.1"):
        Settings.from_environment({"DEBUG": "true"})


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_only_for_cpus_that_compute_it(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "computes_bfloat16", lambda: native)
    assert Settings.from_environment({"PRECISION": "auto"}).precision == ("bfloat16" if native else "float32")
    if native:
        assert Settings.from_environment({"PRECISION": "bfloat16"}).precision == "bfloat16"
    else:
        with pytest.raises(ConfigError, match=r"PRECISION='bfloat16'.*does not compute it.*allowed: float32 or auto"):
            Settings.from_environment({"PRECISION": "bfloat16"})


@pytest.mark.parametrize("bad", [{"MODEL_TYPE": "huge"}, {"IMAGE_SIZE": "2000"}])
def test_bad_setting_ends_the_start_with_one_line_before_tensorflow_is_loaded(bad: dict[str, str]) -> None:
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "app.py"],
        cwd=ROOT,
        env=os.environ | bad,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    lines = [line for line in run.stderr.splitlines() if not line.startswith("import time:")]
    [(name, value)] = bad.items()
    assert run.returncode == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {name}={value!r}")
    assert "tensorflow" not in run.stderr
    # Promised within a second; twice that here, so that a busy machine does not fail the test.
    assert seconds < 2
