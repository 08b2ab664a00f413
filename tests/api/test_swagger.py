"""Swagger UI at /: its files, and its requests in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server
from werkzeug.test import Client

from tests.support.browser import BROWSER_TIMEOUT
from tests.support.paths import CHELSEA
from tests.support.service import ServiceProcess


@pytest.fixture(scope="module")
def prefixed_url(app: Flask) -> Iterator[str]:
    """The URL of the application behind a proxy that serves it below /segment and removes this prefix."""

    def proxy(environ: dict[str, Any], start_response: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/segment")
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, proxy, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/segment/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_swagger_ui_loads_files_of_this_service_only(client: Client) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "MAX Image Segmenter" in page
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert link.startswith("swaggerui/"), link
        with client.get(f"/{link}") as response:
            assert response.status_code == 200


def test_swagger_ui_below_path_prefix_gets_response_to_request(browser: Browser, prefixed_url: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(BROWSER_TIMEOUT)
    page.goto(prefixed_url)
    page.get_by_text("/model/labels").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .microlight").first).to_contain_text("tv")
    expect(page.locator(".request-url")).to_contain_text(f"{prefixed_url}model/labels")
    page.close()


def test_swagger_ui_shows_overlay_of_uploaded_photo(page: Page, service: ServiceProcess, pictures: Path) -> None:
    page.goto(f"{service.url}/")
    page.get_by_text("/model/predict").click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("select").first.select_option("overlay")
    page.locator("input[type=file]").set_input_files(CHELSEA)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table img")).to_be_visible()
    page.screenshot(path=pictures / "swagger.png", full_page=True)
