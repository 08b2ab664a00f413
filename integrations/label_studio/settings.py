"""The backend's settings, read from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from urllib3.util import parse_url

from integrations.label_studio.errors import SettingsError

Origin = tuple[str, str, int]
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Settings:
    """The settings; each is the environment variable of the same name, in capitals. docs/annotation.md lists them."""

    label_studio_url: str
    label_studio_api_key: str
    segmenter_url: str = "http://localhost:5000"
    segmenter_api_key: str = ""
    image_origins: tuple[Origin, ...] = ()
    max_image_mb: int = 32
    min_score: float = 0
    edges: str = "photo"
    pieces: bool = False
    host: str = "127.0.0.1"
    port: int = 9090

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings. Raises SettingsError, which names the first variable that is wrong."""

        def text(name: str, default: str) -> str:
            return environment.get(name, "").strip() or default

        def number(name: str, default: float, largest: float) -> float:
            value = text(name, str(default))
            try:
                if 0 <= float(value) <= largest:
                    return float(value)
            except ValueError:
                pass
            raise SettingsError(f"{name}: {value!r} is not allowed; allowed: a number from 0 to {largest:g}")

        edges = text("EDGES", cls.edges)
        if edges not in ("photo", "model"):
            raise SettingsError(f"EDGES: {edges!r} is not allowed; allowed: photo, model")
        pieces = text("PIECES", "false")
        if pieces not in ("true", "false"):
            raise SettingsError(f"PIECES: {pieces!r} is not allowed; allowed: true, false")
        for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"):
            if not text(name, ""):
                raise SettingsError(f"{name} is missing; set it, or the backend cannot fetch the images of tasks")
        label_studio, segmenter = text("LABEL_STUDIO_URL", ""), text("SEGMENTER_URL", cls.segmenter_url)
        for name, url in (("LABEL_STUDIO_URL", label_studio), ("SEGMENTER_URL", segmenter)):
            _origin(name, url)
        if not is_clear(path_of(label_studio.rstrip("/"))):
            raise SettingsError(f"LABEL_STUDIO_URL: {label_studio!r} is not allowed; allowed: a plain path, without //")
        allowed = text("IMAGE_ORIGINS", "").split(",")
        return cls(
            label_studio_url=label_studio.rstrip("/"),
            label_studio_api_key=text("LABEL_STUDIO_API_KEY", ""),
            segmenter_url=segmenter,
            segmenter_api_key=text("SEGMENTER_API_KEY", ""),
            image_origins=tuple(_origin("IMAGE_ORIGINS", url.strip()) for url in allowed if url.strip()),
            max_image_mb=int(number("MAX_IMAGE_MB", cls.max_image_mb, 1024)),
            min_score=number("MIN_SCORE", cls.min_score, 1),
            edges=edges,
            pieces=pieces == "true",
            host=text("HOST", cls.host),
            port=int(number("PORT", cls.port, 65535)),
        )


def origin(url: str) -> Origin | None:
    """Return scheme, host and port of an http or https URL; None for any other text."""
    try:
        parsed = parse_url(url)
    except ValueError:
        return None
    if parsed.scheme not in PORTS or not parsed.host:
        return None
    return parsed.scheme, parsed.host, parsed.port or PORTS[parsed.scheme]


def path_of(url: str) -> str:
    """Return the path of `url` as it is sent: parse_url() resolves dot segments, as urllib3 does before a request."""
    return parse_url(url).path or ""


def is_clear(path: str) -> bool:
    """Return whether every server and proxy reads `path` alike: also one that decodes, or joins slashes, on its own."""
    decoded = path
    while (further := unquote(decoded)) != decoded:
        decoded = further
    _, *parts = [part.partition(";")[0] for part in decoded.split("/")]
    return (
        "\\" not in decoded
        and decoded.count("/") == path.count("/")
        and "" not in parts[:-1]
        and not {".", ".."} & set(parts)
    )


def _origin(name: str, url: str) -> Origin:
    """Return the origin of `url`, the value of the setting `name`. Raises SettingsError if it has none."""
    if not (found := origin(url)):
        raise SettingsError(f"{name}: {url!r} is not allowed; allowed: a URL such as http://localhost:8080")
    return found
