"""The page /demo: everything works by keyboard, touch and screen reader, in light and dark, on a phone."""

import re
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, FilePayload, Page, Response, expect

from tests.support.browser import opened
from tests.support.contrast import CONTROLS, contrast
from tests.support.demo import choose, difference, expect_message, photo_of, pixels, press_until, segment
from tests.support.paths import CHELSEA, HOPPER
from tests.support.service import ServiceProcess

BROKEN = FilePayload(name="broken.jpg", mimeType="image/jpeg", buffer=CHELSEA.read_bytes()[:2000])


def findings(page: Page) -> list[str]:
    """Return the rules that the page breaks, with the elements that break them."""
    violations = Axe().run(page).response["violations"]
    return [f"{found['id']}: {[node['html'] for node in found['nodes']]}" for found in violations]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_controls_contrast(
    browser: Browser, service: ServiceProcess, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(color_scheme=scheme, reduced_motion="reduce") as context:
        page = opened(context)
        page.goto(f"{service.url}/demo")
        expect(page.locator("#known li")).to_have_count(20)
        found = findings(page)
        controls = page.evaluate(CONTROLS)
        segment(page, HOPPER, "Found person")
        segment(page, BROKEN, "could not be decoded|truncated|damaged")
        found += findings(page)
        page.get_by_role("button", name="hopper.jpg").click()
        expect_message(page, "Found person")
        page.evaluate("for (const part of document.querySelectorAll('#again, #key')) part.hidden = false")
        for view in ("Overlay", "Cut-out"):  # the others have no controls of their own
            choose(page, view)
            found += findings(page)
            controls += page.evaluate(CONTROLS)
        for background in ("own picture", "colour"):
            page.get_by_label("Background", exact=True).select_option(background)
            controls += page.evaluate(CONTROLS)
        page.locator("body").click(position={"x": 1, "y": 1})
        for _ in range(40):  # more than there are controls on the page
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement !== document.body"):
                controls.append(page.evaluate("focused()"))
        page.get_by_role("switch").uncheck()
        found += findings(page)
        controls += page.evaluate(CONTROLS)
    assert not found
    names = {name for name, _, _ in controls}
    assert {"edges", "fill", "behind", "secret", "focus of file", "focus of alpha", "focus of all"} <= names
    assert not [control for control in controls if contrast(*control[1:]) < 3]


def test_reduced_motion_stops_all_motion(browser: Browser, service: ServiceProcess) -> None:
    moving = """() => [...document.querySelectorAll("*")].flatMap(element => [null, "::before", "::after"].map(part => {
        const {transitionDuration, animationName} = getComputedStyle(element, part);
        return transitionDuration !== "0s" || animationName !== "none" ? element.outerHTML.slice(0, 80) : "";
    })).filter(Boolean)"""
    still = {}
    for motion in ("reduce", "no-preference"):
        with browser.new_context(reduced_motion=motion) as context:
            page = opened(context)
            page.goto(f"{service.url}/demo")
            page.evaluate("document.querySelector('main').ariaBusy = true")
            still[motion] = page.evaluate(moving)
    assert not still["reduce"]
    assert still["no-preference"]


def test_keyboard_alone_opens_a_sample_zooms_and_saves(browser: Browser, service: ServiceProcess) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        page = opened(context)
        page.goto(f"{service.url}/demo")
        press_until(page, "value", "demo/chelsea.jpg")
        page.keyboard.press("Enter")
        expect_message(page, "Found cat")
        press_until(page, "value", "overlay")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("radio", name="Cut-out")).to_be_checked()
        press_until(page, "id", "larger")
        for _ in range(8):
            page.keyboard.press("Enter")
        expect(page.locator("#zoom")).to_have_text("800 %")
        expect(page.get_by_role("button", name="Zoom in")).to_be_focused()  # at the largest zoom too
        press_until(page, "id", "save")
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert download.value.suggested_filename == "chelsea-cutout.png"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def place_of_crosshair(page: Page) -> list[float]:
    """Return x and y of the crosshair in the window, in pixels."""
    box: list[float] = page.evaluate("(({x, y}) => [x, y])(document.querySelector('#cross').getBoundingClientRect())")
    return box


def test_arrow_keys_move_a_crosshair_that_reads_the_class(demo: Page) -> None:
    segment(demo, CHELSEA, "Found cat")
    reading, canvas = demo.locator("#reading"), demo.locator(".stage canvas")
    expect(reading).to_have_attribute("aria-live", "polite")
    expect(canvas).to_have_attribute("aria-label", "chelsea.jpg: cat")
    press_until(demo, "tagName", "CANVAS")
    expect(reading).to_have_text(re.compile(r"^cat, score \d+%$"))
    places = [place_of_crosshair(demo)]
    for key in ("ArrowLeft", "Shift+ArrowLeft", "ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight", "ArrowUp"):
        demo.keyboard.press(key)
        places.append(place_of_crosshair(demo))
    steps = np.diff(places, axis=0)
    assert np.sign(steps).tolist() == [[-1, 0], [-1, 0], [0, 1], [0, 1], [1, 0], [0, -1]]
    assert abs(steps[1, 0]) > 5 * abs(steps[0, 0])
    for _ in range(11):  # to the corner, and not beyond it
        demo.keyboard.press("Shift+ArrowUp")
        demo.keyboard.press("Shift+ArrowRight")
    expect(reading).to_have_text("background")
    canvas.hover()
    expect(demo.locator("#tip")).to_have_text("cat")


def test_keys_in_the_picture_zoom(demo: Page) -> None:
    segment(demo, CHELSEA, "Found cat")
    zoom = demo.locator("#zoom")
    demo.locator(".stage canvas").focus()
    for key, percent in (("+", "150 %"), ("+", "225 %"), ("-", "150 %"), ("0", "100 %"), ("-", "100 %")):
        demo.keyboard.press(key)
        expect(zoom).to_have_text(percent)
    demo.keyboard.press("+")
    demo.get_by_role("button", name="Fit").click()
    expect(zoom).to_have_text("100 %")


def touch(session: CDPSession, kind: str, *points: tuple[float, float]) -> None:
    """Send a touch event with fingers at `points` of the window."""
    event: dict[str, Any] = {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]}
    session.send("Input.dispatchTouchEvent", event)


def test_two_fingers_zoom_and_a_held_button_compares(browser: Browser, service: ServiceProcess) -> None:
    with browser.new_context(has_touch=True) as context:
        page = opened(context)
        page.goto(f"{service.url}/demo")
        segment(page, CHELSEA, "Found cat")
        page.locator(".stage canvas").scroll_into_view_if_needed()
        box = page.locator(".frame").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        finger = partial(touch, context.new_cdp_session(page))
        finger("touchStart", (x - 40, y), (x + 40, y))
        finger("touchMove", (x - 120, y), (x + 120, y))
        finger("touchEnd")
        expect(page.locator("#zoom")).to_have_text("300 %")
        assert page.evaluate("visualViewport.scale") == 1  # the picture is larger, not the page
        page.get_by_role("button", name="Fit").click()

        button = page.get_by_role("button", name="Hold to compare")
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box
        composed, photo = pixels(page), photo_of(CHELSEA)
        button.hover()
        button.focus()
        for hold, release in (
            (page.mouse.down, page.mouse.up),
            (partial(page.keyboard.down, "Space"), partial(page.keyboard.up, "Space")),
            (partial(finger, "touchStart", (box["x"] + 9, box["y"] + 9)), partial(finger, "touchEnd")),
        ):
            hold()
            expect(button).to_have_attribute("aria-pressed", "true")
            assert difference(pixels(page), photo).max() <= 8
            release()
            expect(button).to_have_attribute("aria-pressed", "false")
            assert np.array_equal(pixels(page), composed)


def test_policy_allows_nothing_inline_and_the_page_needs_nothing(demo: Page) -> None:
    response = demo.reload()  # the fixture fails on violations that the browser reports
    assert isinstance(response, Response)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|data:|blob:|\*|http", policy)
    html = response.text()
    assert not re.search(r"<style|<script>|\sstyle=|\son\w+=", html)
    assert demo.title()
    assert demo.locator("html").get_attribute("lang") == "en"
