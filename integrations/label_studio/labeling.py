"""What a project's labeling configuration asks for: masks or polygons, and under which labels.

The tags are described in https://labelstud.io/tags/brushlabels and https://labelstud.io/tags/polygonlabels.
"""

from dataclasses import dataclass
from typing import Any

from label_studio_sdk.label_interface import LabelInterface

from integrations.label_studio.errors import LabelingError

# The tags that can be filled, and the type of their results.
RESULT_TYPES = {"BrushLabels": "brushlabels", "PolygonLabels": "polygonlabels"}
EXAMPLE = (
    '<Image name="image" value="$image"/><BrushLabels name="mask" toName="image"><Label value="cat"/></BrushLabels>'
)


@dataclass(frozen=True)
class Control:
    """A BrushLabels or PolygonLabels tag: `variable` is the key of the image in a task's data.

    `labels` are the project's labels by the class ids of the service.
    """

    name: str
    to_name: str
    result_type: str
    variable: str
    labels: dict[int, str]


def controls(config: str, classes: dict[int, str]) -> list[Control]:
    """Return the tags of a labeling configuration that have a label for one of `classes`, names by id.

    A label stands for the classes in its attribute predicted_values, separated by commas, else for the class with its
    alias or its value, in any case. Raises LabelingError if there is no such tag.
    """
    try:
        parsed = LabelInterface(config)
    except Exception as error:  # the SDK's own classes are private, and lxml's ValueError passes through
        raise LabelingError(f"the labeling configuration is no XML of Label Studio: {error}") from error
    found = [control for tag in parsed.controls if tag.tag in RESULT_TYPES for control in _control(tag, classes)]
    if not found:
        raise LabelingError(
            "the labeling configuration has no BrushLabels or PolygonLabels, on an Image with the attribute value, "
            f"with a label for a class of the service; such as: {EXAMPLE}; classes: {', '.join(classes.values())}"
        )
    return found


def _control(tag: Any, classes: dict[int, str]) -> list[Control]:
    """Return the control of a tag, or [] if its object is no image or its labels are no classes."""
    images = [item for item in tag.objects if item.tag == "Image" and item.attr.get("value", "").startswith("$")]
    ids = {_key(name): class_id for class_id, name in classes.items()}
    labels: dict[int, str] = {}
    for label, item in tag.labels_attrs.items():
        names = [*item.attr.get("predicted_values", "").split(","), label, item.attr.get("value", "")]
        matching = [ids[_key(name)] for name in names if _key(name) in ids]
        several = matching if item.attr.get("predicted_values") else matching[:1]
        for class_id in several:
            if labels.setdefault(class_id, label) != label:
                raise LabelingError(
                    f"{tag.tag} {tag.name!r}: the labels {labels[class_id]!r} and {label!r} both stand for the class "
                    f"{classes[class_id]!r}; remove it from predicted_values of one"
                )
    if not images or not labels:
        return []
    return [Control(tag.name, images[0].name, RESULT_TYPES[tag.tag], images[0].value_name, labels)]


def _key(name: str) -> str:
    """Return `name` in the form in which names are compared."""
    return name.strip().casefold()
