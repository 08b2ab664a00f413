"""The function for CVAT, run by cvat-cli on a task, as docs/annotation.md says."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import numpy as np
import pytest
from cvat_sdk.masks import decode_mask
from PIL import Image

from integrations.client import Client, ServiceError
from integrations.cvat.function import create, encoded
from tests.integrations.masks import API_KEY, Mask, drawn, iou, service_mask, two_people
from tests.integrations.servers import CvatTask, serving
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA, ROOT
from tests.support.service import TIMEOUT, ServiceProcess

CAT, PERSON = 8, 15
CLI = Path(sys.executable).with_name("cvat-cli")
# The ids of the labels in the task, which are not those of the classes.
LABELS = {101: "cat", 102: "person"}


@dataclass(frozen=True)
class Context(cvataa.DetectionFunctionContext):
    frame_name: str = "photo"
    conf_threshold: float | None = None
    conv_mask_to_poly: bool = False


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut without the loss of JPEG."""
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    with Image.open(ASTRONAUT) as image:
        path.write_bytes(encode(image))
    return path


def annotate(task: CvatTask, service: ServiceProcess, cache: Path, *options: str) -> list[dict[str, Any]]:
    """Run cvat-cli on `task`, and return the shapes that it uploads."""
    parameters = [f"url=str:{service.url}", f"api_key=str:{API_KEY}", "classes=str:cat, Person"]
    variables = {"PYTHONPATH": str(ROOT), "CVAT_ACCESS_TOKEN": "token", "XDG_CACHE_HOME": str(cache)}
    function = ["--function-module", "integrations.cvat.function", *(f"-p{parameter}" for parameter in parameters)]
    with serving(task.app) as url:
        command = [str(CLI), "--server-host", url, "task", "auto-annotate", "1", *function, *options]
        run = subprocess.run(
            command, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    assert run.returncode == 0, run.stderr
    return task.uploaded


def mask_of(shape: dict[str, Any], size: tuple[int, int]) -> Mask:
    found: Mask = decode_mask(shape["points"], image_width=size[0], image_height=size[1])
    return found


def test_cvat_cli_uploads_the_masks_of_the_service(keyed_service: ServiceProcess, photo: Path, tmp_path: Path) -> None:
    person, cat = annotate(CvatTask([photo, CHELSEA], LABELS), keyed_service, tmp_path)
    assert [(shape["type"], shape["label_id"], shape["frame"]) for shape in (person, cat)] == [
        ("mask", 102, 0),
        ("mask", 101, 1),
    ]
    assert np.array_equal(mask_of(person, (512, 512)), service_mask(keyed_service, photo.read_bytes(), PERSON))
    # A JPEG is stored again with its own quality.
    assert iou(mask_of(cat, (451, 300)), service_mask(keyed_service, CHELSEA.read_bytes(), CAT)) > 0.995
    assert person["score"] > 0.9


def test_cvat_cli_with_conv_mask_to_poly_uploads_polygons_of_the_same_area(
    keyed_service: ServiceProcess, photo: Path, tmp_path: Path
) -> None:
    task = CvatTask([photo], LABELS, label_type="polygon")
    shapes = annotate(task, keyed_service, tmp_path, "--conv-mask-to-poly")
    assert {(shape["type"], shape["label_id"]) for shape in shapes} == {("polygon", 102)}
    found = drawn([np.reshape(shape["points"], (-1, 2)) for shape in shapes], 512, 512)
    assert iou(found, service_mask(keyed_service, photo.read_bytes(), PERSON)) > 0.95


def test_detect_returns_only_shapes_above_the_larger_of_two_thresholds(keyed_service: ServiceProcess) -> None:
    def found(min_score: float, threshold: float | None) -> list[int]:
        function = create(keyed_service.url, API_KEY, min_score=min_score)
        with Image.open(ASTRONAUT) as image:
            return [shape.label_id for shape in function.detect(Context(conf_threshold=threshold), image)]

    bottle = 5
    assert found(0, None) == [PERSON, bottle]
    assert found(0, 0.8) == found(0.8, 0.1) == found(0.8, None) == [PERSON]


def test_cvat_cli_with_pieces_uploads_a_mask_for_each_region(keyed_service: ServiceProcess, tmp_path: Path) -> None:
    photo = tmp_path / "two.png"
    photo.write_bytes(two_people())
    task = CvatTask([photo], LABELS)
    [both] = annotate(task, keyed_service, tmp_path)
    task.uploaded.clear()
    shapes = annotate(task, keyed_service, tmp_path, "-ppieces=bool:true")
    size = (1024, 512)
    assert len(shapes) >= 2
    assert {(shape["type"], shape["label_id"]) for shape in shapes} == {("mask", 102)}
    masks = [mask_of(shape, size) for shape in shapes]
    assert np.array_equal(np.sum(masks, axis=0), mask_of(both, size))
    # The two largest are the two people.
    assert [int(np.flatnonzero(mask.any(axis=0))[0] // 512) for mask in masks[:2]] in ([0, 1], [1, 0])


def test_spec_without_classes_has_the_names_of_the_service_and_no_background(keyed_service: ServiceProcess) -> None:
    spec = create(keyed_service.url, API_KEY).spec
    assert {label.id: label.name for label in spec.labels} == Client(keyed_service.url, API_KEY).labels()
    assert [label.id for label in spec.labels] == list(range(1, 21))


# Modes that one of the two formats of encoded() cannot store are converted.
@pytest.mark.parametrize(
    ("format_", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("TIFF", "LAB")],
)
def test_encoded_frame_has_the_size_of_the_frame_and_no_orientation(format_: str, mode: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(io.BytesIO(encode(Image.new(mode, (40, 20)), format_, exif=exif))) as frame:
        frame.load()  # as CVAT does; Pillow turns a TIFF here
        size = frame.size
        assert frame.mode == mode
        file = encoded(frame)
    with Image.open(io.BytesIO(file)) as image:
        assert (image.size, image.getexif().get(0x0112)) == (size, None)


def test_encoded_frame_keeps_the_colour_profile() -> None:
    with Image.open(io.BytesIO(encode(Image.new("RGB", (4, 2)), "JPEG", icc_profile=b"profile"))) as frame:
        file = encoded(frame)
    with Image.open(io.BytesIO(file)) as image:
        assert image.info["icc_profile"] == b"profile"


def test_create_with_unknown_class_names_it_and_the_classes(keyed_service: ServiceProcess) -> None:
    with pytest.raises(ValueError, match=r"classes: unicorn is not allowed; allowed: .*, person, "):
        create(keyed_service.url, API_KEY, classes="cat,unicorn")


@pytest.mark.parametrize(("name", "value"), [("min_score", 1.5), ("edges", "sharp")])
def test_create_with_wrong_parameter_names_it(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: '?{value}'? is not allowed; allowed: "):
        create(**{name: value})


def test_create_with_wrong_key_raises_service_error(keyed_service: ServiceProcess) -> None:
    # /model/labels needs the key, too, so cvat-cli ends before it downloads the task.
    with pytest.raises(ServiceError, match="answered 401"):
        create(keyed_service.url, "wrong")
