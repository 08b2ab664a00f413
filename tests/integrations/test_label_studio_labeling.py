"""Which labels of a project stand for which classes of the service."""

import pytest

from integrations.label_studio.errors import LabelingError
from integrations.label_studio.labeling import Control, controls

CLASSES = {8: "cat", 12: "dog", 15: "person"}


def config(labels: str, tag: str = "BrushLabels", image: str = '<Image name="photo" value="$image"/>') -> str:
    """Return a labeling configuration whose control `mask` has `labels`."""
    return f'<View>{image}<{tag} name="mask" toName="photo"><View>{labels}</View></{tag}></View>'


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ('<Label value="cat"/><Label value="dragon"/>', {8: "cat"}),
        ('<Label value="Cat"/>', {8: "Cat"}),
        # Label Studio has the alias in its results, and shows the value.
        ('<Label value="Katze" alias="cat"/>', {8: "cat"}),
        ('<Label value="cat" alias="K"/>', {8: "K"}),
        ('<Label value="Pet" predicted_values="cat, Dog,dragon"/>', {8: "Pet", 12: "Pet"}),
    ],
)
def test_controls_map_label_to_its_classes(labels: str, expected: dict[int, str]) -> None:
    assert controls(config(labels), CLASSES) == [Control("mask", "photo", "brushlabels", "image", expected)]


def test_controls_of_masks_and_polygons_on_two_images_are_both() -> None:
    images = '<Image name="photo" value="$image"/><Image name="other" value="$second"/>'
    polygons = '<PolygonLabels name="p" toName="other"><Label value="dog"/></PolygonLabels>'
    assert controls(config('<Label value="cat"/>', image=images + polygons), CLASSES) == [
        Control("p", "other", "polygonlabels", "second", {12: "dog"}),
        Control("mask", "photo", "brushlabels", "image", {8: "cat"}),
    ]


CAT = '<Label value="cat"/>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the labeling configuration is no XML of Label Studio: Document is empty"),
        ("<?xml version='1.0' encoding='utf-8'?><View/>", "the labeling configuration is no XML of Label Studio: "),
        ("<View/>", "has no BrushLabels or PolygonLabels, on an Image"),
        (config(CAT, tag="RectangleLabels"), "has no BrushLabels or PolygonLabels, on an Image"),
        (config(CAT, image='<Text name="photo" value="$text"/>'), "has no BrushLabels or PolygonLabels, on an Image"),
        (config(CAT, image='<Image name="photo" valueList="$all"/>'), "has no BrushLabels or PolygonLabels, on an Im"),
        (config('<Label value="dragon"/>'), "with a label for a class of the service; .*; classes: cat, dog, person"),
        (
            config('<Label value="Pet" predicted_values="cat,dog"/><Label value="cat"/>'),
            "BrushLabels 'mask': the labels 'Pet' and 'cat' both stand for the class 'cat'; remove it from",
        ),
    ],
)
def test_controls_of_configuration_that_cannot_be_used_name_the_fault(text: str, message: str) -> None:
    with pytest.raises(LabelingError, match=message):
        controls(text, CLASSES)
