"""docs/annotation.md with a real Label Studio: connect, predict, export."""

import io
import json
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from tests.integrations.label_studio_server import PROGRAM, LabelStudio, running_label_studio
from tests.integrations.masks import API_KEY, Mask, service_mask, two_people
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA, HOPPER, ROOT
from tests.support.service import ServiceProcess, running_service

if not PROGRAM.exists():
    pytest.skip(f"{PROGRAM} is missing; `make integrations` installs Label Studio", allow_module_level=True)

CAT, PERSON = 8, 15
# The class of the labels of the example in docs/annotation.md.
CLASSES = {"Pet": CAT, "person": PERSON}
ORIENTATION = 0x0112


def photos() -> dict[str, bytes]:
    """Return six photos by their names: several sizes and formats, one that is stored turned, one without a class."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    with Image.open(CHELSEA) as cat:
        turned = encode(cat.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)
    return {
        "chelsea.jpg": CHELSEA.read_bytes(),
        "astronaut.jpg": ASTRONAUT.read_bytes(),
        "hopper.jpg": HOPPER.read_bytes(),
        "two.png": two_people(),
        "turned.jpg": turned,
        "grey.png": encode(Image.new("L", (320, 240), 128)),
    }


@pytest.fixture(scope="module")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    with running_label_studio(tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="module")
def backend(label_studio: LabelStudio, keyed_service: ServiceProcess) -> Iterator[ServiceProcess]:
    """The backend between both, with PIECES=true and a personal token."""
    settings = {
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.personal_token(),
        "SEGMENTER_URL": keyed_service.url,
        "SEGMENTER_API_KEY": API_KEY,
        "PIECES": "true",
    }
    command = (sys.executable, "-m", "integrations.label_studio")
    with running_service(command, ready_path="/health", **settings) as backend:
        yield backend


@pytest.fixture(scope="module")
def project(label_studio: LabelStudio, backend: ServiceProcess) -> int:
    """A project with the configuration of the document, whose photos have predictions and annotations from them."""
    text = (ROOT / "docs" / "annotation.md").read_text()
    _, _, config = text.partition("```xml\n")
    project = label_studio.create_project(config.partition("```")[0])
    label_studio.upload(project, photos())
    model = label_studio.connect(project, backend.url)
    assert (model["readable_state"], model["error_message"]) == ("Connected", None)
    assert label_studio.act(project, "retrieve_tasks_predictions") == "Retrieved 6 predictions"
    assert label_studio.act(project, "predictions_to_annotations") == "Created 6 annotations"
    return project


def regions(label_studio: LabelStudio, project: int, name: str) -> list[str]:
    """Return the label of each region that Label Studio stores for a photo."""
    [prediction] = label_studio.tasks(project)[name]["predictions"]
    return [item["value"]["brushlabels"][0] for item in prediction["result"]]


def test_predictions_have_a_region_for_each_piece(label_studio: LabelStudio, project: int) -> None:
    found = {name: regions(label_studio, project, name) for name in photos()}
    assert set(found["two.png"]) == {"person"}
    assert len(found["two.png"]) == 2
    assert found["grey.png"] == []
    assert {name: set(found[name]) for name in ("chelsea.jpg", "turned.jpg")} == {
        "chelsea.jpg": {"Pet"},
        "turned.jpg": {"Pet"},
    }


def test_exported_png_equals_the_map_of_the_service_in_every_pixel(
    label_studio: LabelStudio, project: int, keyed_service: ServiceProcess
) -> None:
    files = label_studio.export(project, "BRUSH_TO_PNG")
    tasks = label_studio.tasks(project)
    for name, photo in photos().items():
        for label, class_id in CLASSES.items():
            start, middle = f"task-{tasks[name]['id']}-", f"-mask-{label}-"
            pieces = [pixels(file) for path, file in files.items() if path.startswith(start) and middle in path]
            expected = service_mask(keyed_service, photo, class_id)
            found = np.sum(pieces, axis=0) if pieces else np.zeros_like(expected, int)
            assert np.array_equal(found, expected), (name, label)


def pixels(file: bytes) -> Mask:
    """Return the pixels of a mask that Label Studio has exported as PNG, which has 0 and 255 only."""
    with Image.open(io.BytesIO(file)) as picture:
        values = np.asarray(picture)
    assert set(np.unique(values)) <= {0, 255}
    found: Mask = values == 255
    return found


def test_exported_coco_has_an_annotation_for_each_region(label_studio: LabelStudio, project: int) -> None:
    coco = json.loads(label_studio.export(project, "BRUSH_TO_COCO")["result_coco.json"])
    expected = sum(len(regions(label_studio, project, name)) for name in photos())
    assert len(coco["annotations"]) == expected
    assert expected < 40
    assert {category["name"] for category in coco["categories"]} == set(CLASSES)
