"""The classes of PASCAL VOC 2012, in the order of their ids; 0 is everything else."""

from collections.abc import Sequence

from core.errors import InvalidRequest

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


def class_ids(text: str, labels: Sequence[str]) -> frozenset[int]:
    """Return the ids of the classes in `text`, names of `labels` or ids, separated by commas.

    Raises InvalidRequest for anything else.
    """
    names = {label: class_ for class_, label in enumerate(labels)}
    names |= {str(class_): class_ for class_ in range(len(labels))}
    wanted = [name.strip().lower() for name in text.split(",")]
    for name in wanted:
        if name not in names:
            raise InvalidRequest(
                f"classes: {name!r} is not a class; allowed: names or ids, separated by commas, of "
                + ", ".join(f"{class_} {label}" for class_, label in enumerate(labels))
            )
    return frozenset(names[name] for name in wanted)
