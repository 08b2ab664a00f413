"""The detection function of CVAT's auto-annotation: `create()` is what cvat-cli calls.

The interface is described in https://docs.cvat.ai/docs/api_sdk/sdk/auto-annotation/.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import cvat_sdk.auto_annotation as cvataa
from cvat_sdk.masks import encode_mask
from cvat_sdk.models import LabeledShapeRequest
from PIL import Image

from integrations.client import Client, Region
from integrations.rings import outlines

# Modes that PNG can store without loss.
PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}


def create(  # noqa: PLR0913 (the parameters of cvat-cli)
    url: str = "http://localhost:5000",
    api_key: str = "",
    *,
    classes: str = "",
    min_score: float = 0,
    edges: str = "photo",
    pieces: bool = False,
) -> "Function":
    """Return the function. Each parameter is a `-p NAME=TYPE:VALUE` of cvat-cli.

    `classes` are names, separated by commas, by default all that the service knows. `min_score`, `edges` and `pieces`
    are those of /model/predict; CVAT's confidence threshold counts where it is larger. Raises ServiceError if the
    service does not answer, and ValueError if a parameter is wrong.
    """
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score: {min_score} is not allowed; allowed: a number from 0 to 1")
    if edges not in ("photo", "model"):
        raise ValueError(f"edges: {edges!r} is not allowed; allowed: photo, model")
    client = Client(url, api_key)
    labels = client.labels()
    if classes:
        labels = selected(labels, classes.split(","))
    return Function(client, labels, {"min_score": min_score, "edges": edges, "pieces": pieces})


def selected(labels: dict[int, str], names: Sequence[str]) -> dict[int, str]:
    """Return the items of `labels` whose name is one of `names`, in any case. Raises ValueError."""
    ids = {name.casefold(): class_id for class_id, name in labels.items()}
    wanted = [name.strip().casefold() for name in names]
    if unknown := [name for name in wanted if name not in ids]:
        raise ValueError(f"classes: {', '.join(unknown)} is not allowed; allowed: {', '.join(labels.values())}")
    return {ids[name]: labels[ids[name]] for name in wanted}


class Function:
    """Masks of the classes `labels`, names by id; polygons where CVAT asks to convert masks.

    `options` are those of Client.segment().
    """

    def __init__(self, client: Client, labels: dict[int, str], options: dict[str, Any]) -> None:
        self.spec = cvataa.DetectionFunctionSpec(
            labels=[cvataa.label_spec(name, class_id, type="mask") for class_id, name in labels.items()]
        )
        self._client = client
        self._classes = tuple(labels)
        self._options = options

    def detect(self, context: cvataa.DetectionFunctionContext, image: Image.Image) -> list[LabeledShapeRequest]:
        """Return the shapes in `image`, in its pixels: one mask for each class, or for each piece of it, or polygons.

        Raises ServiceError.
        """
        options = self._options | {"min_score": max(self._options["min_score"], context.conf_threshold or 0)}
        regions = self._client.segment(encoded(image), self._classes, polygons=context.conv_mask_to_poly, **options)
        convert = polygons if context.conv_mask_to_poly else mask
        return [shape for region in regions for shape in convert(region)]


def encoded(image: Image.Image) -> bytes:
    """Return `image` as a file with the same pixels, size and colour profile.

    A JPEG is stored with its own quality, which is a tenth of a PNG: CVAT's frames are often larger than the service's
    MAX_UPLOAD_MB otherwise. The EXIF orientation is left out, since shapes are in the pixels that CVAT passes.
    """
    file = BytesIO()
    profile = image.info.get("icc_profile")
    if image.format == "JPEG":
        image.save(file, "JPEG", quality="keep", icc_profile=profile)
    else:
        png = image if image.mode in PNG_MODES else image.convert("RGB")
        png.save(file, "PNG", compress_level=1, icc_profile=profile if png is image else None)
    return file.getvalue()


def mask(region: Region) -> list[LabeledShapeRequest]:
    """Return `region` as one mask."""
    return [cvataa.mask(region.class_id, encode_mask(region.mask()), **score(region))]


def polygons(region: Region) -> list[LabeledShapeRequest]:
    """Return `region` as polygons; CVAT's polygons have no holes, so a zero-width bridge (keyhole) leads to each."""
    return [cvataa.polygon(region.class_id, ring.ravel().tolist(), **score(region)) for ring in outlines(region)]


def score(region: Region) -> dict[str, float]:
    """Return the keyword argument for the score of `region`, if it has one."""
    return {} if region.score is None else {"score": region.score}
