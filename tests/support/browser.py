"""A real browser and its pages, with timeouts for slow machines."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# Milliseconds that the browser waits for a result; a service on a quiet machine needs less than a second.
BROWSER_TIMEOUT = 300_000
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb")
expect.set_options(timeout=BROWSER_TIMEOUT)


def chromium_path() -> str | None:
    """Return the path of Chromium, that of the variable CHROMIUM or of the system, if there is one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium, which chromium_path() found, without a window."""
    # tests/support/quick.py skips the test here: Playwright, if it fails to start, raises another exception of its own.
    sys.audit("subprocess.Popen", chromium_path(), [], None, None)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS, timeout=BROWSER_TIMEOUT)


def opened(context: BrowserContext) -> Page:
    """Return a new page that waits as long as a slow machine needs."""
    context.set_default_timeout(BROWSER_TIMEOUT)
    return context.new_page()
