"""Renew docs/demo.png, a screenshot of the page at /demo: `python -m docs.screenshot`. Needs chromium, or CHROMIUM."""

import io
import os
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.support.browser import opened
from tests.support.demo import choose, segment
from tests.support.paths import CHELSEA, HOPPER
from tests.support.service import running_service

PICTURE = Path(__file__).with_name("demo.png")
SIZE = {"width": 1200, "height": 970}
COLOURS = 256  # of the palette of the picture, for a small file


def main() -> None:
    """Start the service and a browser, open two photos, and write the picture of the page."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with running_service() as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = opened(browser.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce"))
        # The page shows the time of a request. The first one of each size takes longer than the next.
        for _ in range(2):
            page.goto(f"{service.url}/demo")
            segment(page, [CHELSEA, HOPPER], "Found cat")
            page.get_by_role("button", name="hopper.jpg person").wait_for()
        choose(page, "Cut-out")
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
