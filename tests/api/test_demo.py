"""The page for people, in a real browser, on the real service."""

import base64
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, Response, Route, expect, sync_playwright

from core.types import UInt8Array
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess, running_service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no chromium on this machine")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])


@pytest.fixture
def page(browser: Browser, service: ServiceProcess) -> Iterator[Page]:
    """The page, opened; nothing may be wrong with it, nor may it ask any other host."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    hosts = set()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.extend([line.text] if line.type == "error" else []))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{service.url}/demo")
    yield page
    context.close()
    # What the browser itself says of an answer with an error's status, or of none, is no error of the page.
    assert not [line for line in wrong if not line.startswith("Failed to load resource")]
    assert hosts - {""} == {urlsplit(service.url).netloc}


def pixels(page: Page) -> UInt8Array:
    """Return the canvas, uint8 [height, width, 4]."""
    data = page.evaluate("document.querySelector('canvas').toDataURL('image/png')")
    with Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def message(page: Page, text: str) -> None:
    expect(page.locator("#message")).to_contain_text(re.compile(text), timeout=10_000)


def try_sample(page: Page, name: str = "astronaut", says: str = "Found person") -> None:
    page.get_by_role("button", name=re.compile(name)).click()
    message(page, says)


def photo_of(path: Path) -> UInt8Array:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_sample_is_coloured_and_its_classes_are_named_and_switched(page: Page, pictures: Path) -> None:
    try_sample(page)
    page.screenshot(path=pictures / "demo.png", full_page=True, animations="disabled")
    legend = page.locator("#legend li")
    assert legend.first.inner_text().split("\n") == ["person", "42%"]
    shown, photo = pixels(page)[..., :3].astype(int), photo_of(ASTRONAUT).astype(int)
    different = np.abs(shown - photo).max(axis=-1) > 8
    assert 0.4 < different.mean() < 0.5
    page.locator("#opacity").fill("100")
    assert np.abs(pixels(page)[256, 200, :3].astype(int) - (192, 128, 128)).max() <= 2  # all colour
    for toggle in page.get_by_role("switch").all():
        toggle.uncheck()
    assert np.abs(pixels(page)[..., :3].astype(int) - photo).max() <= 8  # the photo again
    expect(page.get_by_role("button", name="Cut-out")).to_be_disabled()
    page.get_by_role("switch").first.check()
    assert np.abs(pixels(page)[256, 200, :3].astype(int) - (192, 128, 128)).max() <= 2


def test_the_pointer_names_what_is_under_it(page: Page) -> None:
    try_sample(page, "cat", "Found cat")
    canvas = page.locator("canvas")
    canvas.hover()
    expect(page.locator("#tip")).to_have_text("cat")
    box = canvas.bounding_box()
    assert box
    canvas.hover(position={"x": box["width"] - 5, "y": 5})
    expect(page.locator("#tip")).to_have_text("background")


def test_the_downloads_are_what_the_service_answers(page: Page, service: ServiceProcess, tmp_path: Path) -> None:
    try_sample(page)
    page.get_by_role("switch").nth(1).uncheck()  # what is not the person
    saved = {}
    for button in ("Cut-out", "Mask", "Overlay", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=button, exact=True).click()
        saved[button] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[button])
    assert saved["Cut-out"].name == "astronaut-cutout.png"
    classes = [found["id"] for found in json.loads(saved["JSON"].read_text())["objects"]]
    asked = {"size": "original", "classes": ",".join(str(id_) for id_ in [classes[0], *classes[2:]])}
    for button, output in (("Cut-out", "cutout"), ("Mask", "mask"), ("Overlay", "overlay")):
        answer = service.predict(ASTRONAUT.read_bytes(), params=asked | {"output": output})
        assert saved[button].read_bytes() == answer.content
    everything = service.predict(ASTRONAUT.read_bytes(), params={"size": "original", "output": "objects"})
    assert saved["JSON"].read_bytes() == everything.content
    with Image.open(saved["Cut-out"]) as cutout, Image.open(saved["Mask"]) as mask:
        assert np.mean((np.asarray(cutout)[..., 3] >= 128) == (np.asarray(mask) != 0)) > 0.98


def saved_as(format_: str, image: Image.Image, **options: object) -> FilePayload:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return FilePayload(name=f"photo.{format_.lower()}", mimeType=f"image/{format_.lower()}", buffer=file.getvalue())


def test_a_photo_that_lies_on_its_side_is_seen_upright(page: Page) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # Orientation: to be turned clockwise
    with Image.open(ASTRONAUT) as photo:
        wide = photo.crop((0, 0, 512, 300))
    lying = wide.transpose(Image.Transpose.ROTATE_90)
    page.locator("#file").set_input_files(saved_as("JPEG", lying, exif=exif, quality=95))
    message(page, "Found person")
    page.locator("#opacity").fill("0")
    assert pixels(page).shape == (300, 512, 4)
    assert np.abs(pixels(page)[..., :3].astype(int) - np.asarray(wide)).mean() < 8


def test_a_photo_larger_than_the_screen_is_drawn_smaller(page: Page) -> None:
    with Image.open(ASTRONAUT) as photo:
        page.locator("#file").set_input_files(saved_as("JPEG", photo.resize((4000, 3000))))
    message(page, "Found person")
    expect(page.locator("#size")).to_have_text("4000 × 3000")  # noqa: RUF001 - what people read
    assert pixels(page).shape == (1200, 1600, 4)
    page.locator("#opacity").fill("100")
    assert np.abs(pixels(page)[600, 600, :3].astype(int) - (192, 128, 128)).max() <= 2


def test_a_format_that_the_browser_can_not_draw_is_segmented_all_the_same(page: Page) -> None:
    with Image.open(CHELSEA) as photo:
        page.locator("#file").set_input_files(saved_as("TIFF", photo))
    message(page, "Found cat in .* This browser can't show such a file")
    assert set(pixels(page)[150, 150]) == {64, 0, 255}  # VOC's colour of the cat
    expect(page.get_by_role("button", name="Cut-out")).to_be_enabled()


def test_where_nothing_is_found_it_says_what_could_have_been(page: Page) -> None:
    page.locator("#file").set_input_files(saved_as("PNG", Image.new("RGB", (300, 200), "teal")))
    message(page, r"Found nothing of what the model knows \(aeroplane, .*, tvmonitor\)")
    expect(page.get_by_role("button", name="Mask")).to_be_disabled()


def test_it_says_what_it_is_doing(page: Page) -> None:
    held: list[Route] = []
    page.route("**/model/predict*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright looks at its signature
    page.get_by_role("button", name=re.compile("cat")).click()
    message(page, "Looking at it")
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    while not held:  # the page says so before its request has come here
        page.wait_for_timeout(10)
    held[0].continue_()
    message(page, "Found cat")
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")


def test_a_photo_is_chosen_dropped_or_pasted(page: Page) -> None:
    page.locator("#file").set_input_files(CHELSEA)
    message(page, "Found cat")
    give = """([name, kind, data]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(data), character => character.charCodeAt());
        transfer.items.add(new File([bytes], "given.jpg", {type: "image/jpeg"}));
        document.body.dispatchEvent(new window[kind](name, {
            bubbles: true, cancelable: true, [kind === "DragEvent" ? "dataTransfer" : "clipboardData"]: transfer,
        }));
    }"""
    for name, kind, path, says in (
        ("drop", "DragEvent", ASTRONAUT, "Found person"),
        ("paste", "ClipboardEvent", CHELSEA, "Found cat"),
    ):
        page.evaluate(give, [name, kind, base64.b64encode(path.read_bytes()).decode()])
        message(page, says)


def test_the_command_it_shows_does_the_same(page: Page) -> None:
    page.locator("#file").set_input_files(CHELSEA)
    message(page, "Found cat")
    command = page.locator("#curl").inner_text()
    assert "-F 'image=@chelsea.jpg'" in command
    run = subprocess.run(shlex.split(command), cwd=CHELSEA.parent, capture_output=True, check=True)
    assert json.loads(run.stdout)["objects"][0]["label"] == "cat"


def test_errors_are_told(page: Page, service: ServiceProcess) -> None:
    broken = FilePayload(name="broken.jpg", mimeType="image/jpeg", buffer=CHELSEA.read_bytes()[:2000])
    page.locator("#file").set_input_files(broken)
    told = service.predict(CHELSEA.read_bytes()[:2000]).json()["message"]
    message(page, re.escape(told))
    page.route("**/model/predict*", lambda route: route.abort())
    page.locator("#file").set_input_files(CHELSEA)
    message(page, "can't be reached")
    page.unroute("**/model/predict*")
    page.get_by_role("button", name="Try again").click()
    message(page, "Found cat")
    busy = {"message": "the service is busy"}
    headers = {"Retry-After": "7"}
    page.route("**/model/predict*", lambda route: route.fulfill(status=503, headers=headers, json=busy))
    page.locator("#file").set_input_files(CHELSEA)
    message(page, r"the service is busy \(in 7 s\)")


def test_a_guarded_service_is_asked_with_the_key(browser: Browser) -> None:
    with running_service(API_KEY="sesame", IMAGE_SIZE="129") as service, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{service.url}/demo")
        page.get_by_role("button", name=re.compile("cat")).click()
        message(page, "X-API-Key is missing or wrong")
        page.get_by_label("Key of this service").fill("sesame")
        page.get_by_role("button", name="Use it").click()
        message(page, "Found")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_the_keyboard_suffices(
    browser: Browser, service: ServiceProcess, pictures: Path, scheme: str
) -> None:
    options = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme, "has_touch": True}
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{service.url}/demo")
        for _ in range(9):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.value") == "demo/astronaut.jpg":
                break
        page.keyboard.press("Enter")
        message(page, "Found person")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        box = page.locator("canvas").bounding_box()
        assert box
        page.locator("canvas").hover(position={"x": box["width"] - 2, "y": 40})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360  # with the name at the edge
        page.screenshot(path=pictures / f"demo-phone-{scheme}.png", full_page=True, animations="disabled")


def test_the_page_runs_nothing_but_its_own(page: Page) -> None:
    answer = page.reload()
    assert isinstance(answer, Response)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.title()
    assert page.locator("html").get_attribute("lang") == "en"


def test_swagger_ui_answers_a_photo_under_its_policy(page: Page, service: ServiceProcess, pictures: Path) -> None:
    page.goto(f"{service.url}/")
    page.get_by_text("/model/predict").click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("select").first.select_option("overlay")
    page.locator("input[type=file]").set_input_files(CHELSEA)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table img")).to_be_visible(timeout=20_000)
    page.screenshot(path=pictures / "swagger.png", full_page=True)
