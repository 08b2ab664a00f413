"""The page /demo of the shared service, open in the browser."""

import pytest
from playwright.sync_api import Page

from tests.support.service import ServiceProcess


@pytest.fixture
def demo(page: Page, service: ServiceProcess) -> Page:
    """The page /demo, open."""
    page.goto(f"{service.url}/demo")
    return page
