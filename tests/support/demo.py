"""The page /demo in a browser: opening photos, choosing views, reading the picture, saving files."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import FilePayload, Locator, Page, expect

from core.types import UInt8Array
from tests.support.images import encode


def expect_message(page: Page, pattern: str) -> None:
    """Wait until the page shows a message with `pattern`, a regular expression."""
    expect(page.locator("#message")).to_contain_text(re.compile(pattern))


def segment(page: Page, photo: Path | FilePayload | list[Path | FilePayload], result: str = "Found") -> None:
    """Choose a file or files, and wait for a message with `result`."""
    page.locator("#file").set_input_files(photo)
    expect_message(page, result)


def choose(page: Page, view: str) -> None:
    """Choose the view of this name."""
    page.get_by_role("radio", name=view).check()


def files(page: Page) -> Locator:
    """Return the rows of the list of files."""
    return page.get_by_role("list", name="Photos").get_by_role("button")


def pixels(page: Page) -> UInt8Array:
    """Return the picture on the screen, uint8 [height, width, 4]."""
    data = page.evaluate("document.querySelector('.stage canvas').toDataURL('image/png')")
    return rgba(base64.b64decode(data.partition(",")[2]))


def rgba(content: bytes) -> UInt8Array:
    """Return the pixels of an image file, uint8 [height, width, 4]."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGBA"))


def photo_of(path: Path) -> UInt8Array:
    """Return the pixels of a photo, uint8 [height, width, 3]."""
    return rgba(path.read_bytes())[..., :3]


def difference(one: UInt8Array, other: UInt8Array) -> UInt8Array:
    """Return the largest difference of the colours of each pixel, uint8 [height, width]."""
    largest: UInt8Array = np.abs(one[..., :3].astype(int) - other[..., :3]).max(axis=-1).astype(np.uint8)
    return largest


def saved(page: Page, button: str, folder: Path) -> Path:
    """Click the button with this name, and return the file that the browser saves, in `folder`."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    path: Path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def file_of(format_: str, image: Image.Image, name: str = "photo", **options: object) -> FilePayload:
    """Return a file for a file input; `options` are those of Image.save()."""
    content = encode(image, format_, **options)
    return FilePayload(name=f"{name}.{format_.lower()}", mimeType=f"image/{format_.lower()}", buffer=content)


def area_of(svg: str, size: tuple[int, int], class_: int) -> UInt8Array:
    """Return the pixels inside the outlines of a class in an SVG by the rule evenodd, 0 or 255 [height, width]."""
    path = re.search(rf'data-class="{class_}"><title>[^<]*</title><path d="([^"]*)"', svg)
    assert path
    inside = Image.new("1", size)
    for ring in path[1].removesuffix("Z").split("Z"):
        points = [tuple(map(float, pair.split())) for pair in re.split("[ML]", ring)[1:]]
        assert shapely.LinearRing(points).is_closed
        part = Image.new("1", size)
        ImageDraw.Draw(part).polygon(points, fill=1)
        inside = ImageChops.logical_xor(inside, part)
    return np.asarray(inside.convert("L"))


def press_until(page: Page, attribute: str, value: str) -> None:
    """Press Tab until the element in focus has this value of an attribute."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement.{attribute}") == value:
            return
    raise AssertionError(f"Tab does not reach the element with the {attribute} {value}")
