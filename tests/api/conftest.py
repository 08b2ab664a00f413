"""Fixtures of the tests of api."""

from collections.abc import Iterator
from threading import Event
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from config import Settings
from core.decoders.decoder_pool import DecoderPool
from core.model import ModelWrapper
from core.runtime.queue import RequestQueue
from core.types import EngineOptions
from segmenter import find_weights
from tests.support.application import application
from tests.support.browser import chromium, chromium_path, opened
from tests.support.service import ServiceProcess


@pytest.fixture(scope="module")
def loading_app() -> Iterator[Flask]:
    """An application whose model is still loading: the worker that must load it is occupied."""
    release = Event()
    queue = RequestQueue(workers=1, size=1, timeout=1)
    queue.submit(release.wait)
    try:
        model = ModelWrapper(find_weights(Settings()), EngineOptions(1), queue, DecoderPool(513, 10**6, 1))
        yield application(model)
        model.loading.cancel()
    finally:
        # Otherwise Python would wait for the worker at its end.
        release.set()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    if not chromium_path():
        pytest.skip("there is no chromium on this machine")
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: ServiceProcess) -> Iterator[Page]:
    """An empty page; after the test, there must have been no error in it, and no request but to the service."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = opened(context)
    wrong: list[str] = []
    hosts = set()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.extend([line.text] if line.type == "error" else []))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    yield page
    context.close()
    # The browser writes this line for each response with an error's status. It is not an error of the page.
    assert not [line for line in wrong if not line.startswith("Failed to load resource")]
    assert hosts - {""} == {urlsplit(service.url).netloc}
