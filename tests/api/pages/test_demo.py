"""The page /demo, in a real browser, on the real service."""

import base64
import io
import json
import re
import shlex
import subprocess
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, Response, Route, expect

from core.types import UInt8Array
from tests.support.browser import opened
from tests.support.images import encode
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess, running_service

# Returns the controls that are visible: name, rgba of the border, or of the area if there is no border, and rgb around.
CONTROLS = """() => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    const rgba = (colour, opacity = 1) => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
        return [red, green, blue, alpha / 255 * opacity];
    };
    const around = element => {
        const colour = rgba(getComputedStyle(element.parentElement).backgroundColor);
        return colour[3] === 1 ? colour.slice(0, 3) : around(element.parentElement);
    };
    // A file input is invisible in its label, which has the border and the outline.
    const boxOf = control => control.type === "file" ? control.closest("label") : control;
    const nameOf = control => control.id || control.textContent.trim() || control.value || control.tagName;
    window.focused = () => {
        const box = boxOf(document.activeElement), style = getComputedStyle(box);
        const drawn = style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2;
        const outline = drawn ? rgba(style.outlineColor) : [0, 0, 0, 0];
        return [`focus of ${nameOf(document.activeElement)}`, outline, around(box)];
    };
    const controls = [...document.querySelectorAll("button, input, select")];
    return controls.filter(control => boxOf(control).checkVisibility()).map(control => {
        const box = boxOf(control), style = getComputedStyle(box);
        const border = rgba(style.borderTopColor, style.opacity);
        const bordered = style.borderTopStyle !== "none" && border[3];
        return [nameOf(control), bordered ? border : rgba(style.backgroundColor, style.opacity), around(box)];
    });
}"""


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
    assert re.fullmatch(r"person\n42%, score \d+%", legend.first.inner_text())
    shown, photo = pixels(page)[..., :3].astype(int), photo_of(ASTRONAUT).astype(int)
    different = np.abs(shown - photo).max(axis=-1) > 8
    assert 0.4 < different.mean() < 0.5
    page.locator("#opacity").fill("100")
    assert np.abs(pixels(page)[350, 150, :3].astype(int) - (192, 128, 128)).max() <= 2  # only the colour of the class
    for toggle in page.get_by_role("switch").all():
        toggle.uncheck()
    assert np.abs(pixels(page)[..., :3].astype(int) - photo).max() <= 8  # only the photo
    expect(page.get_by_role("button", name="Cut-out")).to_be_disabled()
    page.get_by_role("switch").first.check()
    assert np.abs(pixels(page)[350, 150, :3].astype(int) - (192, 128, 128)).max() <= 2


def test_page_shows_class_under_pointer(page: Page) -> None:
    segment_sample(page, "cat", "Found cat")
    canvas = page.locator("canvas")
    canvas.hover()
    expect(page.locator("#tip")).to_have_text("cat")
    box = canvas.bounding_box()
    assert box
    canvas.hover(position={"x": box["width"] - 5, "y": 5})
    expect(page.locator("#tip")).to_have_text("background")


def test_page_shows_class_and_score_under_crosshair_of_keyboard(page: Page) -> None:
    segment_sample(page, "cat", "Found cat")
    reading = page.locator("#reading")
    expect(reading).to_have_attribute("aria-live", "polite")
    expect(page.locator("#cross")).to_be_hidden()
    page.get_by_role("button", name="Hold to compare").focus()
    page.keyboard.press("Shift+Tab")
    expect(page.locator("canvas")).to_be_focused()
    expect(page.locator("#cross")).to_be_visible()
    expect(reading).to_have_text(re.compile(r"^cat, score \d+%$"))
    places = [place_of_crosshair(page)]
    for key in ("ArrowLeft", "Shift+ArrowLeft", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
        places.append(place_of_crosshair(page))
    steps = np.diff(places, axis=0)
    assert np.sign(steps).tolist() == [[-1, 0], [-1, 0], [0, 1], [0, 1], [1, 0], [0, -1]]
    assert abs(steps[1, 0]) > 5 * abs(steps[0, 0])
    for _ in range(11):  # to the corner, and not beyond it
        page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("Shift+ArrowRight")
    expect(reading).to_have_text("background")
    page.locator("canvas").hover()
    expect(reading).to_have_text(re.compile(r"^cat, score \d+%$"))


def place_of_crosshair(page: Page) -> list[float]:
    """Return x and y of the crosshair in the window, in pixels."""
    box: list[float] = page.evaluate("(({x, y}) => [x, y])(document.querySelector('#cross').getBoundingClientRect())")
    return box


def test_legend_shows_score_of_each_class_unless_the_service_has_none(page: Page, service: ServiceProcess) -> None:
    response = service.predict(ASTRONAUT.read_bytes(), params={"size": "original", "output": "objects"}).json()
    segment_sample(page)
    percentages = page.locator("#legend .numbers")
    for object_, text in zip(response["objects"], percentages.all_inner_texts(), strict=True):
        shown = re.fullmatch(r"[\d.]+%, score (\d+)%", text)
        assert shown
        assert abs(int(shown[1]) - 100 * object_["score"]) <= 0.5
    for object_ in response["objects"]:
        object_["score"] = None
    page.route("**/model/predict*", lambda route: route.fulfill(json=response))
    page.locator("#file").set_input_files(ASTRONAUT)
    expect(percentages.first).to_have_text("42%")


def test_compare_button_while_held_shows_the_photo_alone(browser: Browser, service: ServiceProcess) -> None:
    with browser.new_context(has_touch=True) as context:
        page = opened(context)
        page.goto(f"{service.url}/demo")
        segment_sample(page)
        button = page.get_by_role("button", name="Hold to compare")
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box
        touched = [{"x": box["x"] + 9, "y": box["y"] + 9}]
        touch = partial(context.new_cdp_session(page).send, "Input.dispatchTouchEvent")
        photo, composed = photo_of(ASTRONAUT).astype(int), pixels(page)
        button.hover()
        button.focus()
        for hold, release in (
            (page.mouse.down, page.mouse.up),
            (partial(page.keyboard.down, "Space"), partial(page.keyboard.up, "Space")),
            (partial(page.keyboard.down, "Enter"), partial(page.keyboard.up, "Enter")),
            (
                partial(touch, {"type": "touchStart", "touchPoints": touched}),
                partial(touch, {"type": "touchEnd", "touchPoints": []}),
            ),
        ):
            hold()
            expect(button).to_have_attribute("aria-pressed", "true")
            assert np.abs(pixels(page)[..., :3].astype(int) - photo).max() <= 8
            release()
            expect(button).to_have_attribute("aria-pressed", "false")
            assert np.array_equal(pixels(page), composed)


def downloaded(page: Page, button: str, folder: Path) -> Path:
    """Click the button with this name, and return the downloaded file in `folder`."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    path: Path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_downloads_leave_out_classes_that_are_switched_off(page: Page, service: ServiceProcess, tmp_path: Path) -> None:
    segment_sample(page)
    page.get_by_role("switch").nth(1).uncheck()  # the class after person
    saved = {name: downloaded(page, name, tmp_path) for name in ("Cut-out", "Mask", "JSON")}
    assert saved["Cut-out"].name == "astronaut-cutout.png"
    parameters = {"size": "original", "output": "objects"}
    objects = service.predict(ASTRONAUT.read_bytes(), params=parameters).json()
    classes = [object_["id"] for object_ in objects["objects"]]
    objects["objects"].pop(1)
    assert json.loads(saved["JSON"].read_text()) == objects
    parameters["classes"] = ",".join(str(id_) for id_ in [classes[0], *classes[2:]])
    for button, output in (("Cut-out", "cutout"), ("Mask", "mask")):
        response = service.predict(ASTRONAUT.read_bytes(), params=parameters | {"output": output})
        assert saved[button].read_bytes() == response.content
    with Image.open(saved["Cut-out"]) as cutout, Image.open(saved["Mask"]) as mask:
        assert np.mean((np.asarray(cutout)[..., 3] >= 128) == (np.asarray(mask) != 0)) > 0.98


def test_downloaded_overlay_equals_canvas(page: Page, tmp_path: Path) -> None:
    segment_sample(page)
    half = pixels(page)
    page.get_by_role("switch").nth(1).uncheck()
    page.locator("#opacity").fill("90")
    path = downloaded(page, "Overlay", tmp_path)
    with Image.open(path) as overlay:
        assert np.array_equal(np.asarray(overlay.convert("RGBA")), pixels(page))
    assert not np.array_equal(pixels(page), half)


def test_downloaded_overlay_of_photo_larger_than_canvas_has_size_of_photo(page: Page, tmp_path: Path) -> None:
    with Image.open(ASTRONAUT) as photo:
        page.locator("#file").set_input_files(file_of("JPEG", photo.resize((2400, 1800))))
    expect_message(page, "Found person")
    page.locator("#opacity").fill("100")
    with Image.open(downloaded(page, "Overlay", tmp_path)) as overlay:
        assert overlay.size == (2400, 1800)
        smaller = np.asarray(overlay.convert("RGB").resize((1600, 1200), Image.Resampling.BOX)).astype(int)
    assert np.abs(smaller - pixels(page)[..., :3]).mean() < 4


def test_choice_of_edges_changes_picture_and_downloads(page: Page, service: ServiceProcess, tmp_path: Path) -> None:
    segment_sample(page)
    page.get_by_role("switch").nth(1).uncheck()
    before = pixels(page)
    with page.expect_response(re.compile("edges=model")):
        page.get_by_label("Edges", exact=True).select_option("smooth")
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")
    assert 0.001 < (pixels(page) != before).any(axis=-1).mean() < 0.1
    expect(page.get_by_role("switch").nth(1)).not_to_be_checked()
    found = json.loads(downloaded(page, "JSON", tmp_path).read_text())["objects"]
    parameters = {"size": "original", "edges": "model", "classes": ",".join(str(object_["id"]) for object_ in found)}
    for button, output in (("Mask", "mask"), ("Cut-out", "cutout")):
        response = service.predict(ASTRONAUT.read_bytes(), params=parameters | {"output": output})
        assert downloaded(page, button, tmp_path).read_bytes() == response.content


@pytest.mark.parametrize("background", ["transparent", "blur", "white", "colour"])
def test_downloaded_cutout_has_chosen_background_and_alpha(
    page: Page, service: ServiceProcess, tmp_path: Path, background: str
) -> None:
    segment_sample(page, "cat", "Found cat")
    page.get_by_label("Cut-out background").select_option(background)
    page.get_by_label("Cut-out edges").select_option("hard")
    fill = page.get_by_label("Background colour")
    if background == "colour":
        fill.fill("#1e90ff")
    else:
        expect(fill).to_be_hidden()
    parameters = {"size": "original", "output": "cutout", "alpha": "hard", "background": background}
    if background == "colour":
        parameters["background"] = "#1e90ff"
    response = service.predict(CHELSEA.read_bytes(), params=parameters)
    assert response.ok
    assert downloaded(page, "Cut-out", tmp_path).read_bytes() == response.content


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
    expect_message(page, r"Found nothing of what the model knows \(aeroplane, .*, tv\)")
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


def test_several_files_are_segmented_one_after_the_other_and_can_be_shown(page: Page, pictures: Path) -> None:
    held: list[Route] = []
    page.route("**/model/predict*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright inspects the signature
    page.locator("#file").set_input_files([ASTRONAUT, CHELSEA])
    files = page.get_by_role("list", name="Pictures").get_by_role("button")
    for states in (["working", "waiting"], ["person", "working"]):
        expect(files).to_contain_text(states)
        while not held:  # the page shows the state before it sends the request
            page.wait_for_timeout(10)
        held.pop().continue_()
    expect(files).to_contain_text(["astronaut.jpg", "chelsea.jpg"])
    expect(files.nth(1)).to_contain_text(re.compile("cat$"))
    expect_message(page, "Found person")
    expect(files.first).to_have_attribute("aria-current", "true")
    page.get_by_role("switch").first.uncheck()
    files.nth(1).click()
    expect_message(page, "Found cat")
    expect(page.get_by_role("list", name="Pictures").locator("[aria-current=true]")).to_contain_text("chelsea.jpg")
    expect(page.get_by_role("switch").first).to_be_checked()
    assert pixels(page).shape == (300, 451, 4)
    assert "image=@chelsea.jpg" in page.locator("#curl").inner_text()
    page.screenshot(path=pictures / "demo-files.png", full_page=True, animations="disabled")
    files.first.click()
    expect_message(page, "Found person")
    expect(page.get_by_role("switch").first).not_to_be_checked()


def test_error_of_one_file_is_shown_for_it_and_does_not_stop_the_others(page: Page, service: ServiceProcess) -> None:
    broken = FilePayload(name="broken.jpg", mimeType="image/jpeg", buffer=CHELSEA.read_bytes()[:2000])
    with Image.open(CHELSEA) as photo:
        cat = file_of("PNG", photo)
    page.locator("#file").set_input_files([broken, cat])
    files = page.get_by_role("list", name="Pictures").get_by_role("button")
    expect(files).to_have_text([re.compile(r"broken\.jpg\s*failed"), re.compile(r"photo\.png\s*cat")])
    error = re.escape(service.predict(CHELSEA.read_bytes()[:2000]).json()["message"])
    expect_message(page, error)
    files.nth(1).click()
    expect_message(page, "Found cat")
    files.first.click()
    expect_message(page, error)
    expect(page.get_by_role("complementary")).to_be_hidden()


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
    with browser.new_context(**options) as context:
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_borders_and_focus_outlines_contrast_with_their_surroundings(
    browser: Browser, service: ServiceProcess, pictures: Path, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(color_scheme=scheme, reduced_motion="reduce") as context:
        page = opened(context)
        page.goto(f"{service.url}/demo")
        controls = page.evaluate(CONTROLS)
        page.locator("#file").set_input_files([ASTRONAUT, CHELSEA])
        expect_message(page, "Found person")
        page.get_by_label("Cut-out background").select_option("colour")
        page.evaluate("for (const part of document.querySelectorAll('#again, #key')) part.hidden = false")
        controls += page.evaluate(CONTROLS)
        controls_with_focus = []
        page.locator("body").click(position={"x": 1, "y": 1})
        for _ in controls:  # more than there are on the page
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement !== document.body"):
                controls_with_focus.append(page.evaluate("focused()"))
        for toggle in page.get_by_role("switch").all():
            toggle.uncheck()
        expect(page.get_by_role("button", name="Mask")).to_be_disabled()
        controls += page.evaluate(CONTROLS)
        page.screenshot(path=pictures / f"demo-controls-{scheme}.png", full_page=True, animations="disabled")
    controls += controls_with_focus
    names = {name for name, _, _ in controls}
    assert {"opacity", "edges", "fill", "secret", "focus of file", "focus of opacity", "compare"} <= names
    low = {name: contrast(colour, around) for name, colour, around in controls if contrast(colour, around) < 3}
    assert not low


def contrast(colour: list[float], around: list[float]) -> float:
    """Return the contrast of `colour`, [red, green, blue, opacity], with `around`, which is below it too (WCAG 2.2)."""
    blended = np.multiply(colour[:3], colour[3]) + np.multiply(around, 1 - colour[3])
    shares = np.stack([blended, around]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    darker, lighter = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return float((lighter + 0.05) / (darker + 0.05))


def test_page_has_policy_without_unsafe_sources_title_and_language(page: Page) -> None:
    response = page.reload()
    assert isinstance(response, Response)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.title()
    assert page.locator("html").get_attribute("lang") == "en"
