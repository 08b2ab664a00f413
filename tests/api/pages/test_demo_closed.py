"""The page /demo of a service that asks for a key, and has other names of the classes."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from core.labels import LABELS
from tests.support.browser import opened
from tests.support.demo import expect_message
from tests.support.paths import ROOT
from tests.support.service import ServiceProcess, running_service


@pytest.fixture(scope="module")
def closed_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that asks for a key, with other names of the classes."""
    names = tmp_path_factory.mktemp("labels") / "labels.txt"
    names.write_text("\n".join(["nothing", *(f"thing <{number}>" for number in range(1, len(LABELS)))]))
    graph = ROOT / "assets" / "deeplabv3_mnv2_pascal_trainval.pb"
    with running_service(API_KEY="sesame", IMAGE_SIZE="129", MODEL_PATH=str(graph), MODEL_LABELS=str(names)) as service:
        yield service


@pytest.mark.slow
def test_page_asks_for_the_key_and_has_the_words_of_the_served_labels(
    browser: Browser, closed_service: ServiceProcess
) -> None:
    with browser.new_context() as context:
        page = opened(context)
        hosts = set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{closed_service.url}/demo")
        expect_message(page, "This service is for people who have its key")
        expect(page.locator("#message")).not_to_have_class(re.compile("wrong"))
        key = page.get_by_label("Key of this service")
        key.fill("open")
        key.press("Enter")
        expect_message(page, "does not know this key")
        key.fill("sesame")
        key.press("Enter")
        expect(page.locator("#known summary")).to_have_text("The 20 things that it knows")
        expect(key).to_be_hidden()
        expect(page.locator("#known li").first).to_have_text("thing <1>")
        page.get_by_role("button", name="the cat").click()
        expect_message(page, "Found thing <8>")
        expect(page.locator("#legend .name")).to_have_text("thing <8>")
        expect(page.locator("#curl")).to_contain_text('-H "X-API-Key: $API_KEY"')
        assert hosts == {urlsplit(closed_service.url).netloc}
