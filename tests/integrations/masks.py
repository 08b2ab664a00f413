"""What the tools' shapes are compared with: the service's own mask, and polygons drawn again."""

import io
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageOps

from tests.support.images import encode
from tests.support.paths import ASTRONAUT
from tests.support.service import ServiceProcess

API_KEY = "key-of-the-service"
Mask = npt.NDArray[np.bool_]
# Pillow draws polygons with whole pixels; larger ones come closer to the real area.
SCALE = 8


def two_people() -> bytes:
    """Return a PNG with the astronaut and, beside her, her mirror image, 1024 x 512 pixels."""
    with Image.open(ASTRONAUT) as person:
        picture = Image.new("RGB", (2 * person.width, person.height), "white")
        # A strip of white lies between both.
        for left, half in ((0, person), (person.width, ImageOps.mirror(person))):
            picture.paste(half, (left, 0))
        picture.paste("white", (person.width - 60, 0, person.width + 60, person.height))
    return encode(picture)


def service_mask(service: ServiceProcess, photo: bytes, class_id: int) -> Mask:
    """Return the pixels of a class as the service's output=mask has them, bool [height, width]."""
    options = {"output": "mask", "size": "original"}
    response = service.predict(photo, params=options, headers={"X-API-Key": API_KEY})
    response.raise_for_status()
    with Image.open(io.BytesIO(response.content)) as picture:
        found: Mask = np.asarray(picture) == class_id
        return found


def drawn(rings: Iterable[npt.ArrayLike], width: int, height: int) -> Mask:
    """Return the pixels inside of `rings`, each [points, 2] in pixels, by the even-odd rule."""
    picture = Image.new("L", (width * SCALE, height * SCALE))
    for ring in rings:
        one = Image.new("1", picture.size)
        ImageDraw.Draw(one).polygon(list((np.asarray(ring) * SCALE - 0.5).ravel()), fill=1)
        picture.paste(255, mask=one)
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX)) > 127


def iou(first: Mask, second: Mask) -> float:
    """Return intersection over union."""
    return float((first & second).sum() / (first | second).sum())
