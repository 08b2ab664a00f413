"""The classes of PASCAL VOC 2012, in the order of their ids; 0 is everything else. Or those of one's own."""

from collections.abc import Sequence

from core.errors import InvalidRequest, ModelError

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


# Class ids are bytes.
MAX_CLASSES = 256


def read_labels(content: bytes, source: str) -> tuple[str, ...]:
    """Return the names in `content`, a text file of one a line in the order of their ids, background first.

    Raises ModelError, naming `source`, for what can't be a list of names to choose from.
    """
    try:
        labels = tuple(line.strip() for line in content.decode("utf-8-sig").strip().splitlines())
    except UnicodeDecodeError as error:
        raise ModelError(f"the labels {source} are not a text file in UTF-8: {error}") from error
    if not 2 <= len(labels) <= MAX_CLASSES:
        raise ModelError(f"the labels {source}: expected 2 to {MAX_CLASSES} lines, one name each; found {len(labels)}")
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
    """Return the ids of the classes in `text`, names of `labels` or ids, separated by commas.

    Raises InvalidRequest for anything else.
    """
    names = {label.lower(): class_ for class_, label in enumerate(labels)}
    names |= {str(class_): class_ for class_ in range(len(labels))}
    wanted = [name.strip().lower() for name in text.split(",")]
    for name in wanted:
        if name not in names:
            raise InvalidRequest(
                f"classes: {name!r} is not a class; allowed: names or ids, separated by commas, of "
                + ", ".join(f"{class_} {label}" for class_, label in enumerate(labels))
            )
    return frozenset(names[name] for name in wanted)
