"""Kinds of values of settings: how the text of a variable is read, and what is allowed."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.weights.registry import MODELS


@dataclass(frozen=True, slots=True)
class SettingKind:
    """The type of a variable: `parse` converts its text or raises ValueError; `allowed` describes the values."""

    parse: Callable[[str], Any]
    allowed: str


def choice(*values: str) -> SettingKind:
    return SettingKind(lambda text: values[values.index(text)], " or ".join(values))


def number(type_: type[int] | type[float], low: int, high: int) -> SettingKind:
    def parse(text: str) -> int | float:
        value = type_(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return SettingKind(parse, f"{low} to {high}")


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


def parse_path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~ without a home directory
        raise ValueError from error


TEXT = SettingKind(str, "text")
BOOLEAN = SettingKind(lambda text: {"true": True, "false": False}[text.lower()], "true or false")
PATH = SettingKind(parse_path, "a path")
URL = SettingKind(parse_url, "a URL with http:// or https://")
CHECKSUMS = SettingKind(parse_checksums, "full=SHA512, with 128 hexadecimal digits")
ORIGINS = SettingKind(parse_origins, "*, or origins such as https://example.com separated by commas")
