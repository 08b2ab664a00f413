"""Swagger UI at /: its files, and its requests in a real browser."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server
from werkzeug.test import Client

from tests.support.application import application
from tests.support.browser import BROWSER_TIMEOUT
from tests.support.paths import CHELSEA
from tests.support.service import ServiceProcess


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve a WSGI application, and return its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def prefixed_url(app: Flask) -> Iterator[str]:
    """The URL of the application behind a proxy that serves it below /segment and removes this prefix."""

    def proxy(environ: dict[str, Any], start_response: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/segment")
        return app(environ, start_response)

    with served(proxy) as url:
        yield f"{url}segment/"


def test_swagger_ui_loads_files_of_this_service_only(client: Client) -> None:
    page = client.get("/").get_data(as_text=True)
    assert "MAX Image Segmenter" in page
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    for link in links:
        assert not link.startswith(("/", "http")), link
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
    page.get_by_text("/model/predict").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("select").first.select_option("overlay")
    page.locator("tr[data-param-name=image] input[type=file]").set_input_files(CHELSEA)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table img")).to_be_visible()
    page.screenshot(path=pictures / "swagger.png", full_page=True)


def test_swagger_ui_with_authorized_key_gets_response(browser: Browser, app: Flask, pictures: Path) -> None:
    guarded = application(app.extensions["model"], api_key="s3cret")
    with served(guarded) as url:
        page = browser.new_page()
        page.set_default_timeout(BROWSER_TIMEOUT)
        page.goto(url)
        page.get_by_role("button", name="Authorize").first.click()
        page.locator(".auth-container input").fill("s3cret")
        page.screenshot(path=pictures / "swagger-key.png")
        page.locator(".auth-btn-wrapper .authorize").click()
        page.locator(".auth-btn-wrapper .btn-done").click()
        page.get_by_text("/model/labels").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table .microlight").first).to_contain_text('"tv"')
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_swagger_ui_on_phone_fits_its_width_and_shows_predict_first(
    browser: Browser, prefixed_url: str, pictures: Path, scheme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme=scheme, device_scale_factor=2)
    page.set_default_timeout(BROWSER_TIMEOUT)
    page.goto(prefixed_url)
    expect(page.locator(".opblock-summary-path").first).to_have_text("/model/predict")
    page.get_by_text("/model/predict").first.click()
    expect(page.locator(".parameters-col_description").first).to_be_visible()
    page.screenshot(path=pictures / f"swagger-phone-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    page.close()
