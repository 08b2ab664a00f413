"""The service's settings: one frozen dataclass, read from the environment in one place and checked at once."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.runtime.cpu import computes_bfloat16, usable_cores
from core.types import Canvas, LogFormat, Precision
from core.weights.registry import MODELS, ZOO


class ConfigError(Exception):
    """A setting can't be used; the message names the variable, its value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a variable may hold: `parse` turns its text into a value or raises ValueError, `allowed` tells people."""

    parse: Callable[[str], Any]
    allowed: str


def choice(*values: str) -> Kind:
    return Kind(lambda text: values[values.index(text)], " or ".join(values))


def number(type_: type[int] | type[float], low: int, high: int) -> Kind:
    def parse(text: str) -> int | float:
        value = type_(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return Kind(parse, f"{low} to {high}")


def parse_origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(","))
    if not all(re.fullmatch(r"\*|https?://[^\s/*]+", origin) for origin in origins):
        raise ValueError
    return origins


def parse_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]\S*", text):
        raise ValueError
    return text


def parse_checksums(text: str) -> dict[str, str]:
    pairs = [pair.split("=") for pair in text.split(",")]
    if not all(len(pair) == 2 and pair[0] in MODELS and re.fullmatch("[0-9a-f]{128}", pair[1]) for pair in pairs):
        raise ValueError
    return dict(pairs)


TEXT = Kind(str, "text")
BOOLEAN = Kind(lambda text: {"true": True, "false": False}[text.lower()], "true or false")
PATH = Kind(lambda text: Path(text).expanduser(), "a path")
URL = Kind(parse_url, "a URL with http:// or https://")
CHECKSUMS = Kind(parse_checksums, "full=SHA512, of 128 hexadecimal digits")
ORIGINS = Kind(parse_origins, "*, or origins such as https://example.com separated by commas")


def setting(kind: Kind, default: Any, purpose: str) -> Any:
    """A field of Settings; `default` is a value, or a function that finds one on this machine."""
    metadata = {"kind": kind, "purpose": purpose}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Each field is read from the variable of its name in capitals."""

    model_type: str = setting(
        choice(*MODELS), "mobile", "the network: mobile is a MobileNetV2, full an Xception-65 (see The models)"
    )
    image_size: int = setting(number(int, 16, 1024), 513, "long side of the resized image and of its map, in pixels")
    canvas: Canvas = setting(
        choice("fit", "fixed"), "fit", "what is computed: the image alone, or the original's whole square"
    )
    precision: Precision = setting(
        choice("float32", "bfloat16", "auto"),
        "float32",
        "of the convolutions; auto: bfloat16 where the CPU computes it",
    )
    model_path: Path | None = setting(PATH, None, "a graph of your own, a .pb or .tar.gz, instead of MODEL_TYPE's")
    model_labels: Path | None = setting(PATH, None, "the names of its classes, a text file of one a line")
    model_cache: Path = setting(
        PATH,
        lambda: Path("~/.cache/max-image-segmenter").expanduser(),
        "folder of downloaded graphs; default: ~/.cache/max-image-segmenter, in the image /models",
    )
    model_mirror: str = setting(URL, ZOO, "where archives are downloaded from")
    model_sha512: dict[str, str] = setting(CHECKSUMS, dict, "what a mirror's own build of a graph is checked against")
    host: str = setting(TEXT, "0.0.0.0", "address to listen on")
    port: int = setting(number(int, 1, 65535), 5000, "port to listen on")
    cors_enable: bool = setting(BOOLEAN, False, "let pages of other origins call the service")
    cors_origins: tuple[str, ...] = setting(ORIGINS, ("*",), "the origins that may, when CORS_ENABLE is true")
    api_key: str = setting(TEXT, "", "when set, /model/* wants it in the X-API-Key header")
    max_upload_mb: int = setting(number(int, 1, 1024), 32, "largest request body, in MB of 1,000,000 bytes")
    max_image_megapixels: int = setting(number(int, 1, 1000), 50, "largest image, in millions of pixels")
    queue_size: int = setting(number(int, 1, 1000), 16, "requests being worked on or waiting; one more is answered 503")
    request_timeout: float = setting(
        number(float, 1, 3600), 30.0, "seconds a request has to arrive, then to be done, and its answer to be read"
    )
    threads: int = setting(number(int, 1, 1024), usable_cores, "CPU threads for the model; default: the usable cores")
    log_format: LogFormat = setting(choice("text", "json"), "text", "of the log: lines for people or JSON objects")
    debug: bool = setting(BOOLEAN, False, "Flask's debug server, for development; only on HOST=127.0.0.1")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings in `environment`; an empty variable counts as unset. Raises ConfigError."""
        values = {}
        for field_ in fields(cls):
            name = field_.name.upper()
            text = environment.get(name, "").strip()
            if text:
                kind: Kind = field_.metadata["kind"]
                try:
                    values[field_.name] = kind.parse(text)
                except (ValueError, KeyError):
                    raise ConfigError(f"{name}={text!r} can't be used; allowed: {kind.allowed}") from None
        settings = cls(**_with_precision_chosen(values))
        if settings.model_labels and not settings.model_path:
            raise ConfigError(
                f"MODEL_LABELS={str(settings.model_labels)!r} can't be used without MODEL_PATH, a graph of your own"
            )
        if settings.debug and settings.host != "127.0.0.1":
            # Its tracebacks, and the console they open, are for the developer at this machine only.
            raise ConfigError(f"DEBUG=true with HOST={settings.host!r} can't be used; allowed: HOST=127.0.0.1")
        return settings


def _with_precision_chosen(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with the precision that the CPU has. Raises ConfigError where it is asked for one it has not."""
    if values.get("precision") == "bfloat16" and not computes_bfloat16():
        raise ConfigError("PRECISION='bfloat16' can't be used: this CPU does not compute it; allowed: float32 or auto")
    if values.get("precision") == "auto":
        values["precision"] = "bfloat16" if computes_bfloat16() else "float32"
    return values
