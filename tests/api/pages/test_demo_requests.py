"""The page /demo: what it does with photos of every source, and when the service is busy or refuses a file."""

import base64
import json
import re
import shlex
import subprocess

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.support.demo import difference, expect_message, file_of, files, pixels, segment
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.service import ServiceProcess

INFER = "**/v2/models/*/infer"
BROKEN = FilePayload(name="broken.jpg", mimeType="image/jpeg", buffer=CHELSEA.read_bytes()[:2000])
HEIC = FilePayload(name="photo.heic", mimeType="image/heic", buffer=b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))


def message_of(service: ServiceProcess, file: FilePayload) -> str:
    """Return the message of the service for a file that it refuses, as a regular expression."""
    message: str = service.predict(file["buffer"]).json()["message"]
    return re.escape(message)


def test_page_waits_for_a_busy_service_as_long_as_it_says(demo: Page) -> None:
    rejections = [{"Retry-After": "1"}, {"Retry-After": "1"}]

    def reject(route: Route) -> None:
        if rejections:
            route.fulfill(status=503, headers=rejections.pop(), json={"error": "the queue is full"})
        else:
            route.continue_()

    demo.route(INFER, reject)
    demo.locator("#file").set_input_files(CHELSEA)
    expect_message(demo, r"The service is busy\. The next attempt is in 1 s\.")
    expect(demo.get_by_role("main")).to_have_attribute("aria-busy", "true")
    expect(demo.get_by_role("button", name="Try again")).to_be_hidden()
    expect_message(demo, "Found cat")
    assert not rejections


def test_page_after_a_lost_connection_tries_again_when_told_to(demo: Page) -> None:
    demo.route(INFER, lambda route: route.abort())
    demo.locator("#file").set_input_files(CHELSEA)
    expect_message(demo, "can't be reached")
    demo.unroute(INFER)
    again = demo.get_by_role("button", name="Try again")
    again.focus()
    demo.keyboard.press("Enter")
    expect_message(demo, "Found cat")
    expect(again).to_be_hidden()
    expect(demo.locator("#message")).to_be_focused()  # the keyboard goes on where the button was


def test_file_that_only_the_browser_can_read_is_sent_as_its_jpeg(demo: Page, service: ServiceProcess) -> None:
    with Image.open(CHELSEA) as photo:
        icon = file_of("ICO", photo.resize((256, 170)), sizes=[(256, 170)])
    assert service.predict(icon["buffer"]).status_code == 415
    segment(demo, icon, r"Found cat .* it got a JPEG that this browser made")
    expect(demo.locator("#size")).to_have_text("256 × 170")  # noqa: RUF001 - the text of the page
    expect(demo.locator(".command")).to_be_hidden()  # curl can't do that


def test_file_that_neither_can_read_shows_why(demo: Page, service: ServiceProcess) -> None:
    assert service.predict(HEIC["buffer"]).status_code == 415
    segment(demo, HEIC, message_of(service, HEIC))
    expect(demo.get_by_role("button", name="Try again")).to_be_hidden()  # it would fail again


def test_photo_that_the_browser_can_not_show_is_segmented(demo: Page) -> None:
    with Image.open(CHELSEA) as photo:
        segment(demo, file_of("TIFF", photo), "Found cat in .* This browser can't show such a file")
    assert set(pixels(demo)[150, 150]) == {64, 0, 255}  # PASCAL VOC's colour of the class cat
    expect(demo.get_by_role("radio", name="Overlay")).to_be_disabled()
    expect(demo.get_by_role("radio", name="Cut-out")).to_be_enabled()


def test_failure_of_one_file_is_explained_beside_it_and_does_not_stop_the_others(
    demo: Page, service: ServiceProcess
) -> None:
    reason = message_of(service, BROKEN)
    cat = FilePayload(name="cat.jpg", mimeType="image/jpeg", buffer=CHELSEA.read_bytes())
    demo.locator("#file").set_input_files([BROKEN, cat])
    expect(files(demo)).to_have_text([re.compile(rf"broken\.jpg\s*failed: {reason}"), re.compile(r"cat\.jpg\s*cat")])
    expect_message(demo, reason)
    expect(demo.get_by_role("complementary")).to_be_hidden()
    files(demo).nth(1).click()
    expect_message(demo, "Found cat")
    expect(demo.locator(".command")).to_contain_text("cat.jpg")
    files(demo).first.click()
    expect_message(demo, reason)
    expect(demo.locator(".command")).to_be_hidden()


def test_files_are_segmented_one_after_the_other(demo: Page) -> None:
    held: list[Route] = []
    demo.route(INFER, lambda route: held.append(route))  # noqa: PLW0108 - Playwright inspects the signature
    demo.locator("#file").set_input_files([ASTRONAUT, CHELSEA])
    for states in (["working", "waiting"], ["person, bottle", "working"]):
        expect(files(demo)).to_contain_text(states)
        while not held:  # the page shows the state before it sends the request
            demo.wait_for_timeout(10)
        held.pop().continue_()
    expect(files(demo)).to_contain_text(["astronaut.jpg", re.compile("cat$")])
    demo.get_by_role("switch").first.uncheck()
    files(demo).nth(1).click()
    expect_message(demo, "Found cat")
    expect(files(demo).nth(1)).to_have_attribute("aria-current", "true")
    expect(demo.get_by_role("switch").first).to_be_checked()
    files(demo).first.click()
    expect_message(demo, "Found person")
    expect(demo.get_by_role("switch").first).not_to_be_checked()


@pytest.mark.parametrize(("name", "label"), [("portrait", "person"), ("cat", "cat")])
def test_sample_photo_shows_one_class_with_a_high_score(demo: Page, name: str, label: str) -> None:
    demo.get_by_role("button", name=f"the {name}").click()
    expect_message(demo, rf"Found {label} in")
    score = re.search(r"score (\d+)%", demo.locator("#legend .numbers").inner_text())
    assert score
    assert int(score[1]) > 85


def test_photo_that_is_dropped_or_pasted_is_segmented(demo: Page) -> None:
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
        demo.evaluate(script, [name, kind, base64.b64encode(path.read_bytes()).decode()])
        expect_message(demo, result)


def test_photo_with_exif_orientation_is_shown_upright(demo: Page) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # Orientation: the viewer must rotate by 90 degrees clockwise
    with Image.open(ASTRONAUT) as photo:
        wide = photo.crop((0, 0, 512, 300))
    segment(demo, file_of("JPEG", wide.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95), "Found person")
    demo.locator("#opacity").fill("0")
    assert difference(pixels(demo), np.asarray(wide)).mean() < 8


def test_photo_without_known_classes_names_these_classes(demo: Page) -> None:
    segment(
        demo, file_of("PNG", Image.new("RGB", (300, 200), "teal")), r"Found nothing that it knows \(aeroplane, .*\)"
    )
    expect(demo.get_by_role("button", name="Save overlay")).to_be_disabled()


def test_shown_command_segments_the_photo(demo: Page) -> None:
    segment(demo, CHELSEA, "Found cat")
    demo.get_by_role("radio", name="Outlines").check()
    run = subprocess.run(
        shlex.split(demo.locator("#curl").inner_text()), cwd=CHELSEA.parent, capture_output=True, check=True
    )
    assert json.loads(run.stdout)["objects"][0]["polygons"]


def test_page_names_the_classes_and_their_other_names(demo: Page) -> None:
    known = demo.locator("#known")
    expect(known.locator("summary")).to_have_text("The 20 things that it knows")
    names = known.locator("li").all_inner_texts()
    assert len(names) == 20
    assert {"aeroplane or airplane", "dining table or table", "sofa or couch", "horse"} <= set(names)


def test_legend_shows_share_and_score_of_each_class(demo: Page, service: ServiceProcess) -> None:
    segment(demo, ASTRONAUT, "Found person")
    found = service.predict(ASTRONAUT.read_bytes(), params={"size": "original", "output": "objects"}).json()["objects"]
    for object_, text in zip(found, demo.locator("#legend .numbers").all_inner_texts(), strict=True):
        numbers = re.fullmatch(r"([\d.]+)%, score (\d+)%", text)
        assert numbers
        assert float(numbers[1]) == pytest.approx(100 * object_["fraction"], rel=0.05)
        assert abs(int(numbers[2]) - 100 * object_["score"]) <= 0.5
