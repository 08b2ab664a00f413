"""Settings: their values in the environment, and the messages for bad values."""

import ast
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from config import ConfigError, Settings
from core.errors import ModelError
from core.weights.registry import MOBILE
from segmenter import find_weights
from tests.support.architecture import PRODUCT
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT


def test_settings_of_unset_and_empty_variables_are_defaults() -> None:
    assert Settings.from_environment({"IMAGE_SIZE": " "}) == Settings()


def test_settings_read_each_kind_of_value() -> None:
    settings = Settings.from_environment(
        {
            "IMAGE_SIZE": "333",
            "REQUEST_TIMEOUT": "2.5",
            "CORS_ENABLE": "True",
            "CORS_ORIGINS": "https://a.example, http://localhost:3000",
            "MODEL_PATH": "~/graph.pb",
            "MODEL_SHA512": f"full={'a' * 128}",
        }
    )
    assert (settings.image_size, settings.request_timeout, settings.cors_enable) == (333, 2.5, True)
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert str(settings.model_path) == os.path.expanduser("~/graph.pb")
    assert settings.model_sha512 == {"full": "a" * 128}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("MODEL_TYPE", "huge", "mobile"),
        ("IMAGE_SIZE", "15", "16 to 1024"),
        ("IMAGE_SIZE", "1025", "16 to 1024"),
        ("CANVAS", "fitted", "fit or fixed"),
        ("PRECISION", "int4", "float32 or bfloat16 or int8 or auto"),
        ("IMAGE_SIZE", "big", "16 to 1024"),
        ("IMAGE_SIZE", "51.3", "16 to 1024"),
        ("PORT", "0", "1 to 65535"),
        ("CORS_ENABLE", "yes", "true or false"),
        ("CORS_ORIGINS", "example.com", "https://example.com"),
        ("REQUEST_TIMEOUT", "nan", "1 to 3600"),
        ("QUEUE_SIZE", "0", "1 to 1000"),
        ("THREADS", "-1", "1 to 1024"),
        ("MODEL_MIRROR", "ftp://example.com", "a URL with http:// or https://"),
        ("MODEL_SHA512", "full=abc", "full=SHA512, with 128 hexadecimal digits"),
        ("LOG_FORMAT", "xml", "text or json"),
    ],
)
def test_settings_with_bad_value_raise_error_with_variable_value_and_allowed_values(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment({name: value})
    message = str(caught.value)
    assert f"{name}={value!r}" in message
    assert allowed in message


def test_each_setting_is_read() -> None:
    nodes = (node for module in PRODUCT.syntax.values() for node in ast.walk(module))
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    # config.py reads API_KEY_FILE by its name, for API_KEY.
    assert {field.name for field in fields(Settings)} - read == {"api_key_file"}, "no code reads the other settings"


def test_debug_on_public_address_raises_config_error() -> None:
    assert Settings.from_environment({"DEBUG": "true", "HOST": "127.0.0.1"}).debug
    with pytest.raises(ConfigError, match=r"HOST=127\.0\.0\.1"):
        Settings.from_environment({"DEBUG": "true"})


def test_model_labels_without_model_path_raise_config_error() -> None:
    with pytest.raises(ConfigError, match=r"MODEL_LABELS='names\.txt' can't be used without MODEL_PATH"):
        Settings.from_environment({"MODEL_LABELS": "names.txt"})


def test_limits_of_settings_are_in_bytes_and_pixels() -> None:
    settings = Settings(max_upload_mb=3, max_image_megapixels=5)
    assert (settings.max_upload_bytes, settings.max_image_pixels) == (3_000_000, 5_000_000)


@pytest.mark.parametrize(("threads", "concurrency"), [(1, 2), (2, 2), (5, 2), (8, 4)])
def test_concurrency_is_half_the_threads_and_at_least_two(threads: int, concurrency: int) -> None:
    assert Settings(threads=threads).concurrency == concurrency


@pytest.mark.parametrize(("name", "value"), [("MODEL_TYPE", "huge"), ("IMAGE_SIZE", "2000")])
def test_start_with_bad_setting_prints_one_line_and_does_not_import_tensorflow(name: str, value: str) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "app.py"],
        cwd=ROOT,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    [line] = [line for line in run.stderr.splitlines() if not line.startswith("import time:")]
    assert run.returncode == 1
    assert line.startswith(f"error: {name}={value!r}")
    assert "tensorflow" not in run.stderr


@pytest.mark.parametrize("content", [b"s3cret k\xc3\xa9y\n", b"s3cret k\xc3\xa9y\r\n", b"s3cret k\xc3\xa9y"])
def test_api_key_is_content_of_file_without_line_end(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    assert Settings.from_environment({"API_KEY_FILE": str(file)}).api_key == "s3cret kéy"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "can't be used; allowed: a file with the key in its only line"),
        (b" \n", "can't be used; allowed: a file with the key in its only line"),
        (b"one\ntwo\n", "can't be used; allowed: a file with the key in its only line"),
        (b"a\0", "can't be used; allowed: a file with the key in its only line"),
        (b"\xff", "can't be read: it is not UTF-8 text"),
        (None, "can't be read: No such file or directory"),
    ],
)
def test_api_key_file_without_key_raises_config_error(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment({"API_KEY_FILE": str(file)})
    assert str(caught.value) == f"API_KEY_FILE={str(file)!r} {message}"


def test_api_key_and_api_key_file_together_raise_config_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    with pytest.raises(ConfigError, match="API_KEY and API_KEY_FILE are both set; set one of them"):
        Settings.from_environment({"API_KEY": "secret", "API_KEY_FILE": str(tmp_path / "key")})


@pytest.fixture
def _homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No home directory, as for a user id without an entry in /etc/passwd."""
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


@pytest.mark.usefixtures("_homeless")
def test_model_cache_with_tilde_without_home_directory_raises_config_error() -> None:
    with pytest.raises(ConfigError, match="MODEL_CACHE='~/graphs' can't be used; allowed: a path"):
        Settings.from_environment({"MODEL_CACHE": "~/graphs"})


@pytest.mark.usefixtures("_homeless")
def test_missing_home_directory_matters_only_to_models_from_the_cache() -> None:
    settings = Settings.from_environment({})
    assert settings.model_cache is None
    assert find_weights(settings).path == MOBILE
    with pytest.raises(ModelError, match="MODEL_CACHE is not set, and this user has no home directory; set it to a f"):
        find_weights(replace(settings, model_type="full"))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://localhost:8080/"),
        ("::", "http://localhost:8080/"),
        ("::1", "http://[::1]:8080/"),
        ("127.0.0.1", "http://127.0.0.1:8080/"),
    ],
)
def test_url_of_settings_is_one_that_a_browser_here_opens(host: str, url: str) -> None:
    assert Settings(host=host, port=8080).url == url
