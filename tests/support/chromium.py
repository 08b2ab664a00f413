"""Chromium, a second opinion on the pixels of an image file."""

import base64
from collections.abc import Mapping

import numpy as np
from playwright.sync_api import Browser

from core.types import UInt8Array

# Returns width, height and RGBA in base64 of each file that Chromium shows, on white.
SHOW = """async (files) => {
  const shown = {};
  for (const [name, data] of files) {
    const picture = new Image();
    picture.src = "data:;base64," + data;
    try { await picture.decode(); } catch (error) { continue; }
    const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let text = "";
    for (let at = 0; at < pixels.length; at += 8192) text += String.fromCharCode(...pixels.subarray(at, at + 8192));
    shown[name] = [canvas.width, canvas.height, btoa(text)];
  }
  return shown;
}"""


def by_chromium(browser: Browser, files: Mapping[str, bytes]) -> dict[str, UInt8Array]:
    """Return the RGB pixels, on white, of those of the small `files` that Chromium shows, by name."""
    page = browser.new_page()
    texts = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    shown = page.evaluate(SHOW, texts)
    page.close()
    return {
        name: np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[..., :3]
        for name, (width, height, pixels) in shown.items()
    }
