"""The parameters in a request, and the checks of their names and values."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from core.errors import InvalidRequest
from core.kinds import Kind
from core.labels import class_ids
from core.parameters import BACKGROUND, PARAMETERS
from core.types import Options

# The values of each parameter in one part of a request, as text.
Values = Mapping[str, Sequence[str]]
NONE: Values = {}
# How similar the name of an unknown parameter is to one of ours if it is considered misspelt, 0 to 1.
NEAR = 0.75
# Names that are compared: no client sends more, and a comparison takes a twentieth of a millisecond.
MAX_NAMES = 100
MAX_VALUE = 4000  # bytes of a value, which a URL limits to as many


class Parameters:
    """The parameters of one request, in its `query`, `body` and `path`, and the file of its `background`.

    Raises InvalidRequest if a name is misspelt, or a parameter has different values in two of them.
    """

    def __init__(
        self, query: Values = NONE, body: Values = NONE, path: Values = NONE, background: bytes | None = None
    ) -> None:
        self._values: dict[str, Sequence[str]] = {}
        places: dict[str, str] = {}
        for place, values in (("path", path), ("query", query), ("body", body)):
            check_names(values)
            for name in (name for name in values if name in PARAMETERS):
                given, known = values[name], self._values.setdefault(name, values[name])
                if places.setdefault(name, place) != place and _meant(name, known) != _meant(name, given):
                    first, second = (_shown(", ".join(texts)) for texts in (known, given))
                    raise InvalidRequest(
                        f"{name}: it is {first} in the {places[name]} and {second} in the {place}; send it once"
                    )
        if background is not None and (texts := self._values.get(BACKGROUND)):
            raise InvalidRequest(f"{BACKGROUND}: it is {_shown(', '.join(texts))} and a picture; send one of them")
        self._background = background

    def value(self, name: str) -> Any:
        """Return the value of parameter `name`, or its default. Raises InvalidRequest if it is not allowed."""
        known, given = PARAMETERS[name], self._values.get(name, ())
        if len(given) > 1:
            raise InvalidRequest(f"{name}: it is given {len(given)} times; give one value")
        return parsed(name, given[0], known.kind) if given else known.default

    def options(self, labels: Sequence[str], *mimetypes: str) -> Options:
        """Return how the image is segmented; `labels` are the classes of the model. Raises InvalidRequest.

        `mimetypes` are the accepted media types of the result. The size of a cropped one is not known before.
        """
        names = [name for text in self._values.get("classes", ()) if text for name in text.split(",")]
        return Options(
            size=self.value("size"),
            edges=self.value("edges"),
            classes=class_ids(names, labels),
            min_score=self.value("min_score"),
            min_area=self.value("min_area"),
            pieces=self.value("pieces"),
            look=self.value("look"),
            mimetype=mimetypes[0] if len(mimetypes) == 1 and not self.value("crop") else "",
            background=self._background if self.value("output") == "cutout" else None,
        )

    def own(self) -> dict[str, Any]:
        """Return the values of the parameters that belong to one output. Raises InvalidRequest for any of them."""
        return {name: self.value(name) for name, parameter in PARAMETERS.items() if parameter.of[0]}


def parsed(name: str, text: str, kind: Kind) -> Any:
    """Return the value in `text`, that of the parameter `name`. Raises InvalidRequest if `kind` does not allow it."""
    try:
        return kind.parse(text)
    except ValueError:
        raise InvalidRequest(f"{name}: {_shown(text)} is not allowed; allowed: {kind.allowed}") from None


def _meant(name: str, given: Sequence[str]) -> list[Any]:
    """Return the values in `given`, those of the parameter `name`, which may have commas between them."""
    return [parsed(name, text.strip(), PARAMETERS[name].kind) for text in ",".join(given).split(",")]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else f"{text[:100]}...")


def check_names(names: Iterable[str], known: Collection[str] = PARAMETERS) -> None:
    """Raise InvalidRequest if one of `names` is a misspelt one of `known`. Others are ignored, as clients send more."""
    for name in islice(names, MAX_NAMES):
        near = difflib.get_close_matches(name[:50].lower(), known, 1, NEAR)
        if near and name not in known:
            raise InvalidRequest(f"{name[:50]}: there is no such parameter; did you mean {near[0]}?")
