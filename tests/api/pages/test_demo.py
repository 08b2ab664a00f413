"""The page /demo: views and files of a result, all made in the browser from one answer of the service."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.demo import (
    area_of,
    choose,
    difference,
    expect_message,
    file_of,
    photo_of,
    pixels,
    rgba,
    saved,
    segment,
)
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess

CAT = (64, 0, 0)  # PASCAL VOC's colour of its class


@pytest.fixture
def posted(demo: Page) -> list[str]:
    """The addresses to which the page has sent photos."""
    addresses: list[str] = []
    demo.on("request", lambda request: addresses.extend([request.url] if request.method == "POST" else []))
    return addresses


def answer(service: ServiceProcess, path: Path, output: str, **parameters: str) -> bytes:
    """Return the response of the service for an output of a photo at its size."""
    response = service.predict(path.read_bytes(), params={"size": "original", "output": output} | parameters)
    assert response.ok, response.text
    return response.content


def test_views_and_files_come_from_one_request(
    demo: Page, posted: list[str], service: ServiceProcess, tmp_path: Path
) -> None:
    segment(demo, CHELSEA, "Found cat in")
    mask = rgba(answer(service, CHELSEA, "mask"))
    cat = (mask[..., :3] == CAT).all(axis=-1)
    photo = photo_of(CHELSEA)

    shown = difference(pixels(demo), photo) > 8
    assert shown[cat].mean() > 0.95  # the overlay, without pixels that are dark already
    assert shown[~cat].mean() < 0.02
    overlay = saved(demo, "Save overlay", tmp_path)
    assert overlay.name == "chelsea-overlay.png"
    assert np.array_equal(rgba(overlay.read_bytes()), pixels(demo))

    choose(demo, "Outlines")
    changed = difference(pixels(demo), photo) > 8
    assert 0.001 < changed.mean() < 0.1
    assert np.array_equal(rgba(saved(demo, "Save outlines", tmp_path).read_bytes()), pixels(demo))

    choose(demo, "Mask")
    assert np.array_equal(pixels(demo), mask)
    with Image.open(saved(demo, "Save mask", tmp_path)) as ours:
        assert ours.mode == "P"
        assert np.array_equal(np.asarray(ours) == 8, cat)

    choose(demo, "Cut-out")
    expected = rgba(answer(service, CHELSEA, "cutout")).astype(int)
    cutout = rgba(saved(demo, "Save cut-out", tmp_path).read_bytes()).astype(int)
    assert np.array_equal(cutout[..., 3], expected[..., 3])
    # A canvas multiplies the colours by their opacity, and rounds them.
    assert (np.abs(cutout - expected)[..., :3].max(axis=-1) * expected[..., 3] / 255).max() <= 2

    assert json.loads(saved(demo, "JSON", tmp_path).read_text()) == json.loads(answer(service, CHELSEA, "objects"))
    svg = saved(demo, "SVG", tmp_path)
    assert svg.name == "chelsea-shapes.svg"
    assert ((area_of(svg.read_text(), (451, 300), 8) > 0) == cat).mean() > 0.99
    saved(demo, "All as ZIP", tmp_path)
    assert len(posted) == 1


def test_zip_has_all_results_of_all_photos(demo: Page, posted: list[str], tmp_path: Path) -> None:
    with Image.open(CHELSEA) as photo:
        other = file_of("JPEG", photo.crop((0, 0, 300, 300)), name="chelsea")
        other["name"] = "chelsea.jpg"  # the same name as the other file
    demo.locator("#file").set_input_files([CHELSEA])
    expect_message(demo, "Found cat")
    segment(demo, other, "Found cat")
    with zipfile.ZipFile(saved(demo, "All as ZIP", tmp_path)) as archive:
        assert archive.testzip() is None
        kinds = ["overlay.png", "cutout.png", "outlines.png", "mask.png", "objects.json", "shapes.svg"]
        assert archive.namelist() == [f"{name}-{kind}" for name in ("chelsea", "chelsea (2)") for kind in kinds]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert rgba(archive.read("chelsea (2)-overlay.png")).shape == (300, 300, 4)
        assert json.loads(archive.read("chelsea-objects.json"))["objects"][0]["label"] == "cat"
    assert len(posted) == 2


def test_backgrounds_of_a_cutout_are_drawn_without_the_service(
    demo: Page, posted: list[str], service: ServiceProcess, tmp_path: Path
) -> None:
    segment(demo, CHELSEA, "Found cat")
    choose(demo, "Cut-out")
    transparent = pixels(demo)
    background, object_ = transparent[..., 3] == 0, transparent[..., 3] == 255
    assert min(background.mean(), object_.mean()) > 0.1
    select = demo.get_by_label("Background", exact=True)

    select.select_option("white")
    assert (pixels(demo)[background] == 255).all()
    select.select_option("colour")
    demo.get_by_label("Background colour").fill("#1e90ff")
    assert (pixels(demo)[background] == (0x1E, 0x90, 0xFF, 255)).all()
    expect(demo.locator("#curl")).to_contain_text("background=%231e90ff")

    select.select_option("blur")
    blurred, expected = pixels(demo), rgba(answer(service, CHELSEA, "cutout", background="blur"))
    assert difference(blurred, photo_of(CHELSEA))[object_].max() <= 2
    assert difference(blurred, expected)[background].mean() < 12  # another filter, and no glow of the object

    select.select_option("own picture")
    halves = Image.new("RGB", (200, 100), "red")
    halves.paste("blue", (100, 0, 200, 100))
    demo.get_by_label("Choose the background").set_input_files(file_of("PNG", halves))
    expect_message(demo, "Found cat")
    demo.wait_for_function(
        "document.querySelector('.stage canvas').getContext('2d').getImageData(449, 1, 1, 1).data[2] === 255"
    )
    columns = np.broadcast_to(np.arange(451), background.shape)
    behind = pixels(demo)
    assert (behind[background & (columns < 223)] == (255, 0, 0, 255)).all()  # fitted like CSS's cover: centred
    assert (behind[background & (columns > 228)] == (0, 0, 255, 255)).all()
    assert np.array_equal(rgba(saved(demo, "Save cut-out", tmp_path).read_bytes()), behind)
    assert len(posted) == 1


def test_edges_of_a_cutout_can_be_hard(demo: Page) -> None:
    segment(demo, CHELSEA, "Found cat")
    choose(demo, "Cut-out")
    assert len(np.unique(pixels(demo)[..., 3])) > 2
    demo.get_by_label("Edges of the cut-out").select_option("hard")
    assert set(np.unique(pixels(demo)[..., 3])) == {0, 255}


def test_classes_that_are_switched_off_are_in_no_view_and_no_file(
    demo: Page, service: ServiceProcess, tmp_path: Path
) -> None:
    segment(demo, ASTRONAUT, "Found person and bottle")
    switches = demo.get_by_role("switch")
    switches.nth(1).uncheck()
    person = answer(service, ASTRONAUT, "mask", classes="person")
    choose(demo, "Mask")
    assert np.array_equal(pixels(demo), rgba(person))
    assert np.array_equal(rgba(saved(demo, "Save mask", tmp_path).read_bytes()), rgba(person))
    found = json.loads(saved(demo, "JSON", tmp_path).read_text())["objects"]
    assert [object_["label"] for object_ in found] == ["person"]
    assert "bottle" not in saved(demo, "SVG", tmp_path).read_text()
    choose(demo, "Cut-out")
    is_person = rgba(person)[..., :3].any(axis=-1)
    assert ((pixels(demo)[..., 3] >= 128) == is_person).mean() > 0.98
    choose(demo, "Overlay")
    switches.first.uncheck()
    assert difference(pixels(demo), photo_of(ASTRONAUT)).max() <= 8  # the photo alone
    expect(demo.get_by_role("button", name="Save overlay")).to_be_disabled()


def test_choice_of_edges_asks_the_service_again_and_keeps_the_classes(demo: Page, posted: list[str]) -> None:
    segment(demo, ASTRONAUT, "Found person")
    demo.get_by_role("switch").nth(1).uncheck()
    before = pixels(demo)
    with demo.expect_response(lambda response: response.request.method == "POST"):
        demo.get_by_label("Edges of the classes").select_option("smooth")
    expect(demo.get_by_role("main")).to_have_attribute("aria-busy", "false")
    assert 0.001 < (pixels(demo) != before).any(axis=-1).mean() < 0.1
    expect(demo.get_by_role("switch").nth(1)).not_to_be_checked()
    expect(demo.locator("#curl")).to_contain_text("edges=model")
    assert len(posted) == 2


def test_files_of_a_photo_larger_than_the_canvas_have_its_size(demo: Page, tmp_path: Path) -> None:
    with Image.open(CHELSEA) as photo:
        segment(demo, file_of("JPEG", photo.resize((2400, 1600))), "Found cat")
    expect(demo.locator("#size")).to_have_text("2400 × 1600")  # noqa: RUF001 - the text of the page
    assert pixels(demo).shape == (1067, 1600, 4)
    demo.locator("#opacity").fill("100")
    overlay = rgba(saved(demo, "Save overlay", tmp_path).read_bytes())
    assert overlay.shape == (1600, 2400, 4)
    with Image.fromarray(overlay) as picture:
        smaller = np.asarray(picture.resize((1600, 1067), Image.Resampling.BOX))
    assert difference(smaller, pixels(demo)).mean() < 5
