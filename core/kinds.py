"""Kinds of values of parameters: how a text is read, what is allowed, and the same as JSON Schema."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

from core.output.render import BACKGROUNDS, COLOUR_CODE


class Kind(Protocol):
    """What the values of a parameter are."""

    @property
    def allowed(self) -> str:
        """The allowed values, for messages and documents."""

    @property
    def schema(self) -> dict[str, Any]:
        """The allowed values as JSON Schema, as far as Swagger 2.0 has it."""

    def parse(self, text: str) -> Any:
        """Return the value in `text`. Raises ValueError if it is not allowed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `values`."""

    values: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return ", ".join(self.values)

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}

    def parse(self, text: str) -> str:
        return self.values[self.values.index(text)]


@dataclass(frozen=True, slots=True)
class Number:
    """A number from 0 to `maximum`."""

    maximum: float

    @property
    def allowed(self) -> str:
        return f"a number from 0 to {self.maximum:g}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0, "maximum": self.maximum}

    def parse(self, text: str) -> float:
        if not 0 <= (value := float(text)) <= self.maximum:
            raise ValueError
        return value


# How programs, forms and people write the two values; case does not matter.
FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false, in any spelling of FLAGS."""

    @property
    def allowed(self) -> str:
        return "true, false"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def parse(self, text: str) -> bool:
        if (flag := FLAGS.get(text.lower())) is None:
            raise ValueError
        return flag


@dataclass(frozen=True, slots=True)
class Background:
    """The name of a background, or a colour. A picture is no value: it comes as a file, in Options.background."""

    @property
    def allowed(self) -> str:
        return f"{', '.join(BACKGROUNDS)}, #rrggbb, or a picture as a file"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^({'|'.join(BACKGROUNDS)}|{COLOUR_CODE.pattern})$"}

    def parse(self, text: str) -> str:
        if not re.fullmatch(self.schema["pattern"], text):
            raise ValueError
        return text


@dataclass(frozen=True, slots=True)
class Names:
    """Names or ids of classes; core.labels.class_ids() reads them, as it knows the classes of the model."""

    allowed: str = "names or ids of classes, separated by commas"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string"}

    def parse(self, text: str) -> str:
        return text
