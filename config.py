"""The settings: a frozen dataclass, read from environment variables and checked at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from core.runtime.cpu import usable_cores
from core.setting_kinds import BOOLEAN, CHECKSUMS, ORIGINS, PATH, TEXT, URL, SettingKind, choice, number
from core.types import Canvas, LogFormat, Precision
from core.weights.registry import MODELS, ZOO


class ConfigError(Exception):
    """A setting has a value that is not allowed; the message names the variable, the value and the allowed ones."""


def default_cache() -> Path | None:
    """Return the folder of downloaded graphs in the user's home directory; None if the user has none."""
    try:
        return Path("~/.cache/max-image-segmenter").expanduser()
    except RuntimeError:
        return None


def setting(kind: SettingKind, default: Any, purpose: str) -> Any:
    """Return a field of Settings; `default` is a value, or a function that returns one for this machine."""
    metadata = {"kind": kind, "purpose": purpose}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator can configure. The variable of a field has its name in capitals."""

    model_type: str = setting(choice(*MODELS), "mobile", "the network: mobile is a MobileNetV2, full an Xception-65")
    image_size: int = setting(
        number(int, 16, 1024), 513, "long side, in pixels, of the resized image and its label map"
    )
    canvas: Canvas = setting(
        choice(*get_args(Canvas)),
        "fit",
        "the area that the network computes: fit, the image alone; fixed, the model's padded 513 x 513 square",
    )
    precision: Precision | Literal["auto"] = setting(
        choice(*get_args(Precision), "auto"),
        "float32",
        "number format of the convolutions; auto: the fastest accurate one for this CPU and graph",
    )
    model_path: Path | None = setting(PATH, None, "a custom frozen graph, .pb or .tar.gz, in place of MODEL_TYPE")
    model_labels: Path | None = setting(PATH, None, "class names of the custom graph, a text file, one name per line")
    model_cache: Path | None = setting(
        PATH,
        default_cache,
        "folder of downloaded graphs; default: ~/.cache/max-image-segmenter, in the Docker image /models",
    )
    model_mirror: str = setting(URL, ZOO, "base URL from which archives are downloaded")
    model_sha512: dict[str, str] = setting(CHECKSUMS, dict, "checksum of a mirror's own build of a graph")
    host: str = setting(TEXT, "0.0.0.0", "address to listen on")
    port: int = setting(number(int, 1, 65535), 5000, "port to listen on")
    public_url: str = setting(
        URL,
        "",
        "address of the service in its descriptions for programs, such as https://example.com/segmenter behind a "
        "proxy; default: that of the request",
    )
    cors_enable: bool = setting(BOOLEAN, False, "allow web pages of other origins to call the service")
    cors_origins: tuple[str, ...] = setting(ORIGINS, ("*",), "the allowed origins, if CORS_ENABLE is true")
    api_key: str = setting(TEXT, "", "if set, requests below /model, /hf and /v2/models must send it as X-API-Key")
    api_key_file: Path | None = setting(
        PATH, None, "a file with the key, such as a mounted secret, in place of API_KEY"
    )
    max_upload_mb: int = setting(number(int, 1, 1024), 32, "largest request body, in MB (1,000,000 bytes)")
    max_image_megapixels: int = setting(number(int, 1, 1000), 50, "largest image, in millions of pixels")
    queue_size: int = setting(number(int, 1, 1000), 16, "requests that may run or wait; further ones get 503")
    request_timeout: float = setting(
        number(float, 1, 3600), 30.0, "timeout in seconds, applied separately to receiving, processing and sending"
    )
    idle_timeout: float = setting(
        number(float, 1, 3600),
        75.0,
        "seconds for which a connection may be idle, if that is longer than REQUEST_TIMEOUT; longer than in the load "
        "balancer, most of which have 60",
    )
    threads: int = setting(number(int, 1, 1024), usable_cores, "CPU threads of the model; default: the usable cores")
    log_format: LogFormat = setting(choice(*get_args(LogFormat)), "text", "log lines as text or as JSON objects")
    otel_exporter_otlp_endpoint: str = setting(
        URL,
        "",
        "if set, traces are exported: address of an OpenTelemetry collector, such as http://localhost:4318",
    )
    otel_exporter_otlp_traces_endpoint: str = setting(URL, "", "its whole address for traces, with the path")
    debug: bool = setting(BOOLEAN, False, "run Flask's debug server, for development; only with HOST=127.0.0.1")

    @property
    def traces_endpoint(self) -> str:
        """The address to which traces are sent; empty if they are not."""
        base = self.otel_exporter_otlp_endpoint
        return self.otel_exporter_otlp_traces_endpoint or (base and f"{base.rstrip('/')}/v1/traces")

    @property
    def url(self) -> str:
        """The address of the service for a browser on this machine."""
        host = "localhost" if self.host in {"0.0.0.0", "::"} else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def max_upload_bytes(self) -> int:
        """The largest request body, in bytes."""
        return self.max_upload_mb * 1_000_000

    @property
    def max_image_pixels(self) -> int:
        """The largest image, in pixels."""
        return self.max_image_megapixels * 1_000_000

    @property
    def concurrency(self) -> int:
        """The number of images that are processed at a time.

        Two inferences at a time, on one core each, do not wait for each other's threads: 20 % more images per second
        than one at a time on two cores at float32, and 80 % at int8 (IMAGE_SIZE=513).
        """
        return max(2, self.threads // 2)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings in `environment`; an empty variable counts as unset. Raises ConfigError."""
        values = {}
        for field_ in fields(cls):
            name = field_.name.upper()
            text = environment.get(name, "").strip()
            if text:
                kind: SettingKind = field_.metadata["kind"]
                try:
                    values[field_.name] = kind.parse(text)
                except (ValueError, KeyError):
                    raise ConfigError(f"{name}={text!r} can't be used; allowed: {kind.allowed}") from None
        settings = cls(**_with_key(values))
        if settings.model_labels and not settings.model_path:
            raise ConfigError(
                f"MODEL_LABELS={str(settings.model_labels)!r} can't be used without MODEL_PATH, a custom graph"
            )
        if settings.traces_endpoint and not find_spec("opentelemetry"):
            raise ConfigError(
                f"OTEL_EXPORTER_OTLP_ENDPOINT={settings.traces_endpoint!r} can't be used without its packages: "
                "pip install -r api/tracing/requirements.txt"
            )
        if settings.debug and settings.host != "127.0.0.1":
            # The debug server shows tracebacks and a Python console, which must not be reachable from other machines.
            raise ConfigError(f"DEBUG=true with HOST={settings.host!r} can't be used; allowed: HOST=127.0.0.1")
        return settings


def _with_key(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with the key in the file of the key, if there is one. Raises ConfigError if it has none."""
    path = values.get("api_key_file")
    if not path:
        return values
    if "api_key" in values:
        raise ConfigError("API_KEY and API_KEY_FILE are both set; set one of them")
    try:
        key = path.read_bytes().decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"API_KEY_FILE={str(path)!r} can't be read: {reason}") from None
    if not key.isprintable() or not key:
        raise ConfigError(f"API_KEY_FILE={str(path)!r} can't be used; allowed: a file with the key in its only line")
    return values | {"api_key": key}
