"""Class names: those of PASCAL VOC 2012, those of custom models, and the selection of classes in a request."""

from collections.abc import Sequence

from core.errors import InvalidRequest, ModelError

# The classes of PASCAL VOC 2012 by id.
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
    "tvmonitor",
)

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


def class_ids(text: str, labels: Sequence[str]) -> frozenset[int]:
    """Return the class ids in `text`, a comma-separated list of names in `labels`, in any case, or ids.

    Raises InvalidRequest if `text` contains anything else.
    """
    ids = {label.lower(): class_ for class_, label in enumerate(labels)}
    ids |= {str(class_): class_ for class_ in range(len(labels))}
    selected = [name.strip().lower() for name in text.split(",")]
    for name in selected:
        if name not in ids:
            raise InvalidRequest(
                f"classes: {name!r} is not a class; allowed: names or ids, separated by commas, of "
                + ", ".join(f"{class_} {label}" for class_, label in enumerate(labels))
            )
    return frozenset(ids[name] for name in selected)
