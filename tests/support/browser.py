"""Pages of a real browser, with timeouts for slow machines."""

from playwright.sync_api import BrowserContext, Page, expect

# Milliseconds that the browser waits for a result; a service on a quiet machine needs less than a second.
BROWSER_TIMEOUT = 300_000
expect.set_options(timeout=BROWSER_TIMEOUT)


def opened(context: BrowserContext) -> Page:
    """Return a new page that waits as long as a slow machine needs."""
    context.set_default_timeout(BROWSER_TIMEOUT)
    return context.new_page()
