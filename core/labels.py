"""Class names: those of PASCAL VOC 2012, those of custom models, and the selection of classes in a request."""

import difflib
import re
from collections.abc import Iterable, Sequence

from core.errors import InvalidRequest, ModelError

# The classes of PASCAL VOC 2012 by id. IBM's service calls the last one tv, VOC itself tvmonitor.
LABELS = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tv",
)

# Other names that people say for these classes.
SYNONYMS = {
    "airplane": "aeroplane",
    "plane": "aeroplane",
    "bike": "bicycle",
    "motorcycle": "motorbike",
    "automobile": "car",
    "kitten": "cat",
    "dining table": "diningtable",
    "table": "diningtable",
    "puppy": "dog",
    "human": "person",
    "people": "person",
    "potted plant": "pottedplant",
    "plant": "pottedplant",
    "houseplant": "pottedplant",
    "couch": "sofa",
    "television": "tv",
    "monitor": "tv",
    "tv monitor": "tv",
}

# Class ids are uint8.
MAX_CLASSES = 256


def read_labels(content: bytes, source: str) -> tuple[str, ...]:
    """Return the class names in `content`, a UTF-8 text file with one name per line in the order of the class ids.

    The first name is that of the background. Names are unique without regard to case, printable, without a comma and
    not a number, so that a request can select classes by name (see class_ids()). Raises ModelError, whose message names
    `source`, if there are fewer than 2 or more than MAX_CLASSES names, or one is not valid.
    """
    try:
        labels = tuple(line.strip() for line in content.decode("utf-8-sig").strip().splitlines())
    except UnicodeDecodeError as error:
        raise ModelError(f"the labels {source} are not UTF-8 text: {error}") from error
    if not 2 <= len(labels) <= MAX_CLASSES:
        raise ModelError(
            f"the labels {source}: expected 2 to {MAX_CLASSES} lines with one name each; found {len(labels)}"
        )
    seen: set[str] = set()
    for number, label in enumerate(labels, start=1):
        if not label.isprintable() or not label or "," in label or label.isdecimal() or label.lower() in seen:
            raise ModelError(
                f"the labels {source}, line {number}: {label!r} can't be a name; allowed: printable text without a "
                "comma, not a number, each name once"
            )
        seen.add(label.lower())
    return labels


def class_ids(names: Iterable[str], labels: Sequence[str]) -> frozenset[int]:
    """Return the class ids of `names`, each of them a name in `labels`, a synonym of one, or an id.

    Case, spaces, hyphens and underscores do not matter. Raises InvalidRequest if one is anything else.
    """
    ids = {str(class_): class_ for class_ in range(len(labels))}
    by_key = {_key(label): class_ for class_, label in reversed([*enumerate(labels)])}
    for synonym, label in SYNONYMS.items():
        if label in by_key:
            by_key.setdefault(_key(synonym), by_key[label])
    # Two labels of a custom model may differ in a hyphen only.
    exact = {label.lower(): class_ for class_, label in enumerate(labels)}
    selected = set()
    for name in (name.strip() for name in names):
        key = _key(name)
        class_ = ids.get(name, exact.get(name.lower(), by_key.get(key)))
        if class_ is None:
            near = difflib.get_close_matches(key[:50], by_key, 1)
            raise InvalidRequest(
                f"classes: {name[:50]!r} is not a class; "
                + (f"did you mean {labels[by_key[near[0]]]}? " if near else "")
                + "allowed: names or ids, separated by commas, of "
                + ", ".join(f"{class_} {label}" for class_, label in enumerate(labels))
            )
        selected.add(class_)
    return frozenset(selected)


def synonyms(label: str) -> list[str]:
    """Return the other names that people say for the class `label`, the most common one first."""
    return [synonym for synonym, of in SYNONYMS.items() if of == _key(label)]


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()
