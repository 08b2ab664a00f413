"""The page /demo, in a real browser, on the real service."""

import base64
import io
import json
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, Response, Route, expect

from core.types import UInt8Array
from tests.support.browser import opened
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess, running_service


@pytest.fixture
def page(page: Page, service: ServiceProcess) -> Page:
    """The page /demo of the service, open."""
    page.goto(f"{service.url}/demo")
    return page


def pixels(page: Page) -> UInt8Array:
    """Return the canvas, uint8 [height, width, 4]."""
    data = page.evaluate("document.querySelector('canvas').toDataURL('image/png')")
    with Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def expect_message(page: Page, pattern: str) -> None:
    """Wait until the page shows a message with `pattern`, a regular expression."""
    expect(page.locator("#message")).to_contain_text(re.compile(pattern))


def segment_sample(page: Page, name: str = "astronaut", result: str = "Found person") -> None:
    """Choose a sample photo, and wait for its result."""
    page.get_by_role("button", name=re.compile(name)).click()
    expect_message(page, result)


def photo_of(path: Path) -> UInt8Array:
    """Return the pixels of a photo, uint8 [height, width, 3]."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_page_after_choice_of_sample_shows_classes_that_can_be_hidden(page: Page, pictures: Path) -> None:
    segment_sample(page)
    page.screenshot(path=pictures / "demo.png", full_page=True, animations="disabled")
    legend = page.locator("#legend li")
    assert legend.first.inner_text().split("\n") == ["person", "42%"]
    shown, photo = pixels(page)[..., :3].astype(int), photo_of(ASTRONAUT).astype(int)
    different = np.abs(shown - photo).max(axis=-1) > 8
    assert 0.4 < different.mean() < 0.5
    page.locator("#opacity").fill("100")
    assert np.abs(pixels(page)[256, 200, :3].astype(int) - (192, 128, 128)).max() <= 2  # only the colour of the class
    for toggle in page.get_by_role("switch").all():
        toggle.uncheck()
    assert np.abs(pixels(page)[..., :3].astype(int) - photo).max() <= 8  # only the photo
    expect(page.get_by_role("button", name="Cut-out")).to_be_disabled()
    page.get_by_role("switch").first.check()
    assert np.abs(pixels(page)[256, 200, :3].astype(int) - (192, 128, 128)).max() <= 2


def test_page_shows_class_under_pointer(page: Page) -> None:
    segment_sample(page, "cat", "Found cat")
    canvas = page.locator("canvas")
    canvas.hover()
    expect(page.locator("#tip")).to_have_text("cat")
    box = canvas.bounding_box()
    assert box
    canvas.hover(position={"x": box["width"] - 5, "y": 5})
    expect(page.locator("#tip")).to_have_text("background")


def test_downloads_equal_responses_of_service(page: Page, service: ServiceProcess, tmp_path: Path) -> None:
    segment_sample(page)
    page.get_by_role("switch").nth(1).uncheck()  # the class after person
    saved = {}
    for button in ("Cut-out", "Mask", "Overlay", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=button, exact=True).click()
        saved[button] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[button])
    assert saved["Cut-out"].name == "astronaut-cutout.png"
    classes = [found["id"] for found in json.loads(saved["JSON"].read_text())["objects"]]
    parameters = {"size": "original", "classes": ",".join(str(id_) for id_ in [classes[0], *classes[2:]])}
    for button, output in (("Cut-out", "cutout"), ("Mask", "mask"), ("Overlay", "overlay")):
        response = service.predict(ASTRONAUT.read_bytes(), params=parameters | {"output": output})
        assert saved[button].read_bytes() == response.content
    objects = service.predict(ASTRONAUT.read_bytes(), params={"size": "original", "output": "objects"})
    assert saved["JSON"].read_bytes() == objects.content
    with Image.open(saved["Cut-out"]) as cutout, Image.open(saved["Mask"]) as mask:
        assert np.mean((np.asarray(cutout)[..., 3] >= 128) == (np.asarray(mask) != 0)) > 0.98


def file_of(format_: str, image: Image.Image, **options: object) -> FilePayload:
    """Return a file for a file input; `options` are those of Image.save()."""
    content = encode(image, format_, **options)
    return FilePayload(name=f"photo.{format_.lower()}", mimeType=f"image/{format_.lower()}", buffer=content)


def test_photo_with_exif_orientation_is_shown_upright(page: Page) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # Orientation: the viewer must rotate by 90 degrees clockwise
    with Image.open(ASTRONAUT) as photo:
        wide = photo.crop((0, 0, 512, 300))
    rotated = wide.transpose(Image.Transpose.ROTATE_90)
    page.locator("#file").set_input_files(file_of("JPEG", rotated, exif=exif, quality=95))
    expect_message(page, "Found person")
    page.locator("#opacity").fill("0")
    assert pixels(page).shape == (300, 512, 4)
    assert np.abs(pixels(page)[..., :3].astype(int) - np.asarray(wide)).mean() < 8


def test_photo_larger_than_canvas_is_drawn_smaller(page: Page) -> None:
    with Image.open(ASTRONAUT) as photo:
        page.locator("#file").set_input_files(file_of("JPEG", photo.resize((4000, 3000))))
    expect_message(page, "Found person")
    expect(page.locator("#size")).to_have_text("4000 × 3000")  # noqa: RUF001 - the text of the page
    assert pixels(page).shape == (1200, 1600, 4)
    page.locator("#opacity").fill("100")
    assert np.abs(pixels(page)[600, 600, :3].astype(int) - (192, 128, 128)).max() <= 2


def test_photo_that_the_browser_can_not_draw_is_segmented(page: Page) -> None:
    with Image.open(CHELSEA) as photo:
        page.locator("#file").set_input_files(file_of("TIFF", photo))
    expect_message(page, "Found cat in .* This browser can't show such a file")
    assert set(pixels(page)[150, 150]) == {64, 0, 255}  # PASCAL VOC's colour of the class cat
    expect(page.get_by_role("button", name="Cut-out")).to_be_enabled()


def test_photo_without_known_classes_lists_these_classes(page: Page) -> None:
    page.locator("#file").set_input_files(file_of("PNG", Image.new("RGB", (300, 200), "teal")))
    expect_message(page, r"Found nothing of what the model knows \(aeroplane, .*, tvmonitor\)")
    expect(page.get_by_role("button", name="Mask")).to_be_disabled()


def test_page_during_request_shows_progress(page: Page) -> None:
    held: list[Route] = []
    page.route("**/model/predict*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright inspects the signature
    page.get_by_role("button", name=re.compile("cat")).click()
    expect_message(page, "Looking at it")
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    while not held:  # the page shows the message before it sends the request
        page.wait_for_timeout(10)
    held[0].continue_()
    expect_message(page, "Found cat")
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")


def test_photo_that_is_chosen_dropped_or_pasted_is_segmented(page: Page) -> None:
    page.locator("#file").set_input_files(CHELSEA)
    expect_message(page, "Found cat")
    script = """([name, kind, data]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(data), character => character.charCodeAt());
        transfer.items.add(new File([bytes], "photo.jpg", {type: "image/jpeg"}));
        document.body.dispatchEvent(new window[kind](name, {
            bubbles: true, cancelable: true, [kind === "DragEvent" ? "dataTransfer" : "clipboardData"]: transfer,
        }));
    }"""
    for name, kind, path, result in (
        ("drop", "DragEvent", ASTRONAUT, "Found person"),
        ("paste", "ClipboardEvent", CHELSEA, "Found cat"),
    ):
        page.evaluate(script, [name, kind, base64.b64encode(path.read_bytes()).decode()])
        expect_message(page, result)


def test_shown_curl_command_segments_the_photo(page: Page) -> None:
    page.locator("#file").set_input_files(CHELSEA)
    expect_message(page, "Found cat")
    command = page.locator("#curl").inner_text()
    assert "-F 'image=@chelsea.jpg'" in command
    run = subprocess.run(shlex.split(command), cwd=CHELSEA.parent, capture_output=True, check=True)
    assert json.loads(run.stdout)["objects"][0]["label"] == "cat"


def test_page_shows_message_of_each_error(page: Page, service: ServiceProcess) -> None:
    broken = FilePayload(name="broken.jpg", mimeType="image/jpeg", buffer=CHELSEA.read_bytes()[:2000])
    page.locator("#file").set_input_files(broken)
    expect_message(page, re.escape(service.predict(CHELSEA.read_bytes()[:2000]).json()["message"]))
    page.route("**/model/predict*", lambda route: route.abort())
    page.locator("#file").set_input_files(CHELSEA)
    expect_message(page, "can't be reached")
    page.unroute("**/model/predict*")
    page.get_by_role("button", name="Try again").click()
    expect_message(page, "Found cat")
    busy = {"message": "the service is busy"}
    headers = {"Retry-After": "7"}
    page.route("**/model/predict*", lambda route: route.fulfill(status=503, headers=headers, json=busy))
    page.locator("#file").set_input_files(CHELSEA)
    expect_message(page, r"the service is busy \(in 7 s\)")


@pytest.mark.slow
def test_page_of_service_with_api_key_asks_for_it_and_sends_it(browser: Browser) -> None:
    with running_service(API_KEY="sesame", IMAGE_SIZE="129") as service, browser.new_context() as context:
        page = opened(context)
        page.goto(f"{service.url}/demo")
        page.get_by_role("button", name=re.compile("cat")).click()
        expect_message(page, "X-API-Key is missing or wrong")
        page.get_by_label("Key of this service").fill("sesame")
        page.get_by_role("button", name="Use it").click()
        expect_message(page, "Found")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_on_phone_fits_and_is_usable_by_keyboard(
    browser: Browser, service: ServiceProcess, pictures: Path, scheme: str
) -> None:
    options = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme, "has_touch": True}
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        page = opened(context)
        page.goto(f"{service.url}/demo")
        for _ in range(9):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.value") == "demo/astronaut.jpg":
                break
        page.keyboard.press("Enter")
        expect_message(page, "Found person")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        box = page.locator("canvas").bounding_box()
        assert box
        page.locator("canvas").hover(position={"x": box["width"] - 2, "y": 40})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360  # with the name of the class at the edge
        page.screenshot(path=pictures / f"demo-phone-{scheme}.png", full_page=True, animations="disabled")


def test_page_has_policy_without_unsafe_sources_title_and_language(page: Page) -> None:
    response = page.reload()
    assert isinstance(response, Response)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.title()
    assert page.locator("html").get_attribute("lang") == "en"
