"""The parameters of a segmentation: one table, which Swagger documents, and the readers that check their values."""

import difflib
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast, get_args

from core.errors import InvalidRequest
from core.labels import class_ids
from core.output.encode import ENCODERS
from core.output.polygons import MAX_TOLERANCE
from core.output.render import BACKGROUNDS, COLOUR_CODE
from core.types import Alpha, Edges, Options, Shapes, Size

# The values of each parameter in one part of a request, as text.
Values = Mapping[str, Sequence[str]]
# How similar the name of an unknown parameter is to one of ours if it is considered misspelt, 0 to 1.
NEAR = 0.75
# Names that are compared: no client sends more, and a comparison takes a twentieth of a millisecond.
MAX_NAMES = 100
MAX_VALUE = 4000  # bytes of a value, which a URL limits to as many

# As Swagger describes them.
PARAMETERS: dict[str, dict[str, Any]] = {
    "output": {
        "enum": list(ENCODERS),
        "description": "The representation of the result.\n"
        "- `map` (default): JSON, the class id of every pixel\n"
        "- `objects`: JSON, the pixels, fraction, bounding box and COCO run-length encoding of each class\n"
        "- `mask` (default if Accept has image/png and not JSON): PNG, a pixel's value is its class id\n"
        "- `overlay`: PNG, or JPEG if Accept prefers it, the photo blended with the colours of the classes\n"
        "- `cutout`: PNG, or WebP if Accept prefers it, the photo without its background\n"
        "- `confidence`: grey PNG, 255 times the largest probability of a class at each pixel\n"
        "- `coco`: JSON in COCO's format of instances, for pycocotools",
    },
    "size": {
        "enum": list(get_args(Size)),
        "default": "model",
        "description": "The size of the result: `model`, that of the resized image, or `original`, that of the "
        "upright photo",
    },
    "edges": {
        "enum": list(get_args(Edges)),
        "description": "The edges of objects: `photo`, which follow the colours of the photo (default with "
        "size=original), or `model`, which are smooth (default with size=model)",
    },
    "min_score": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0,
        "description": "Classes whose score, the mean probability of their pixels, is lower become background",
    },
    "alpha": {
        "enum": list(get_args(Alpha)),
        "default": "soft",
        "description": "The edges of a `cutout`: `soft` follow the photo, without the colours of its background; "
        "`hard` are opaque or transparent",
    },
    "background": {
        "type": "string",
        "pattern": f"^({'|'.join(BACKGROUNDS)}|{COLOUR_CODE.pattern})$",
        "default": BACKGROUNDS[0],
        "description": "What is behind a `cutout`: `transparent`, `blur` (the blurred photo), `white` or a colour, "
        "`#rrggbb` (in a URL `%23rrggbb`)",
    },
    "crop": {
        "enum": ["true", "false"],
        "default": "false",
        "description": "Whether a `cutout` is cropped to the objects",
    },
    "shapes": {
        "enum": list(get_args(Shapes)),
        "default": "rle",
        "description": "The shapes of `objects`: run-length encodings alone, or polygons too",
    },
    "tolerance": {
        "type": "number",
        "minimum": 0,
        "maximum": MAX_TOLERANCE,
        "default": 1,
        "description": "How far simplifying moves the outline of a polygon at most, in pixels",
    },
    "classes": {
        "type": "string",
        "description": "Keep only these classes; the rest becomes background. Names or ids of /model/labels, "
        "separated by commas, or the parameter several times. Default: all.",
    },
}


class Parameters:
    """The parameters of one request; an earlier one of `sources` wins."""

    def __init__(self, *sources: Values) -> None:
        self._values: dict[str, Sequence[str]] = {}
        for values in reversed(sources):
            check_names(values)
            self._values |= {name: given for name, given in values.items() if name in PARAMETERS}

    def text(self, name: str) -> str:
        """Return the value of parameter `name`, its default, or "". Raises InvalidRequest if it is not allowed."""
        known = PARAMETERS[name]
        given = self._values.get(name, ())
        if len(given) > 1:
            raise InvalidRequest(f"{name}: it is given {len(given)} times; give one value")
        if not given:
            return str(known.get("default", ""))
        if "enum" in known and given[0] not in known["enum"]:
            raise _not_allowed(name, given[0], ", ".join(known["enum"]))
        if "pattern" in known and not re.fullmatch(known["pattern"], given[0]):
            raise _not_allowed(name, given[0], f"{', '.join(BACKGROUNDS)}, or #rrggbb")
        return given[0]

    def number(self, name: str) -> float:
        """Return the value of parameter `name`. Raises InvalidRequest unless it is a number from 0 to its maximum."""
        return number(name, self.text(name), PARAMETERS[name]["maximum"])

    def options(self, labels: Sequence[str]) -> Options:
        """Return how the image is segmented; `labels` are the classes of the model. Raises InvalidRequest."""
        names = [name for text in self._values.get("classes", ()) if text for name in text.split(",")]
        return Options(
            size=cast(Size, self.text("size")),
            edges=cast(Edges, self.text("edges")) or None,
            classes=class_ids(names, labels),
            min_score=self.number("min_score"),
        )

    def cutout_options(self) -> dict[str, Any]:
        """Return the options of core.output.encode.encode_cutout(). Raises InvalidRequest."""
        return {
            "alpha": self.text("alpha"),
            "background": self.text("background"),
            "crop": self.text("crop") == "true",
        }

    def objects_options(self) -> dict[str, Any]:
        """Return the options of core.output.encode.encode_objects(). Raises InvalidRequest."""
        tolerance = self.number("tolerance")
        return {"tolerance": tolerance if self.text("shapes") == "polygons" else None}


def number(name: str, text: str, maximum: float) -> float:
    """Return the number in `text`. Raises InvalidRequest, which names `name`, unless it is from 0 to `maximum`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= maximum:
        raise _not_allowed(name, text, f"a number from 0 to {maximum:g}")
    return value


def check_names(names: Iterable[str], known: Collection[str] = PARAMETERS) -> None:
    """Raise InvalidRequest if one of `names` is a misspelt one of `known`. Others are ignored, as clients send more."""
    for name in islice(names, MAX_NAMES):
        near = difflib.get_close_matches(name[:50].lower(), known, 1, NEAR)
        if near and name not in known:
            raise InvalidRequest(f"{name[:50]}: there is no such parameter; did you mean {near[0]}?")


def _not_allowed(name: str, value: str, allowed: str) -> InvalidRequest:
    shown = value if len(value) <= 100 else f"{value[:100]}..."
    return InvalidRequest(f"{name}: {shown!r} is not allowed; allowed: {allowed}")
