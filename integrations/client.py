"""A client of the service, which CVAT's function and Label Studio's backend share."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import urllib3
from pycocotools import mask as coco

# Rings of [x, y] in pixels, the outer one first; the last point of a ring is its first one.
Rings = list[list[list[float]]]

# Segmenting a photo again changes nothing, so a POST may be repeated. While the service is busy it says in Retry-After
# when to ask again; cvat-cli drops the work of a whole task if one frame fails, so the client is patient.
RETRIES = urllib3.Retry(
    total=None,
    connect=3,
    read=1,
    redirect=0,
    status=30,
    other=0,
    allowed_methods=None,
    status_forcelist=[503],
    raise_on_status=False,
    raise_on_redirect=False,
    backoff_factor=0.5,
    backoff_max=4,
    retry_after_max=30,
)
# The service ends a request after its REQUEST_TIMEOUT, 30 s by default, for each of receiving, processing and sending.
TIMEOUT = urllib3.Timeout(connect=5, read=120)
# Requests at the same time, from the threads of Label Studio's backend; the service has its own queue.
CONNECTIONS = 4


class ServiceError(Exception):
    """The service did not answer as expected; `status` is that of its response, or 0 if there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Region:
    """All pixels of one class in a photo, or a connected region of them.

    `score` is 0 to 1, or None if the graph hides its logits. `rle` has the pixels, as pycocotools reads it. `polygons`
    are simplified outlines; a class can have several, and each can have holes.
    """

    class_id: int
    score: float | None
    rle: Any
    polygons: list[Rings]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the photo in pixels."""
        height, width = self.rle["size"]
        return height, width

    def mask(self) -> npt.NDArray[np.bool_]:
        """Return the pixels, bool [height, width]."""
        # Decoded where it is needed, because a photo can have 20 classes and 50 million pixels.
        mask: npt.NDArray[np.bool_] = coco.decode(self.rle).view(bool)
        return mask


class Client:
    """The service at `url`, which needs `api_key` if its setting API_KEY is set."""

    def __init__(self, url: str, api_key: str = "") -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(
                f"url: {url!r} is not allowed; allowed: the service's address, such as http://localhost:5000"
            )
        self.url = url.rstrip("/")
        headers = {"X-API-Key": api_key} if api_key else None
        self._pool = urllib3.PoolManager(headers=headers, retries=RETRIES, timeout=TIMEOUT, maxsize=CONNECTIONS)

    def labels(self) -> dict[int, str]:
        """Return the name of each class, by its id, without background. Raises ServiceError."""
        return {label["id"]: label["name"] for label in self._request("GET", "/model/labels") if label["id"]}

    def model_version(self) -> str:
        """Return a name of the model that changes with its weights. Raises ServiceError."""
        serving = self._request("GET", "/model/metadata")["serving"]
        return f"{serving['model_type']}-{serving['image_size']}-{serving['graph_sha256'][:12]}"

    def segment(  # noqa: PLR0913 (the parameters of a request)
        self,
        image: bytes,
        classes: Collection[int],
        *,
        polygons: bool,
        min_score: float = 0,
        edges: str = "photo",
        pieces: bool = False,
    ) -> list[Region]:
        """Return the regions of `classes` in an image file, the largest first, in its upright size.

        Without `polygons`, which take the service several times as long for a large photo, regions have none.
        `min_score`, `edges` and `pieces` are those of /model/predict. Raises ServiceError.
        """
        if not classes:
            return []
        fields = {
            "output": "objects",
            "size": "original",
            "shapes": "polygons" if polygons else "rle",
            "edges": edges,
            "pieces": str(pieces).lower(),
            "min_score": str(min_score),
            "classes": ",".join(map(str, classes)),
        }
        body = self._request("POST", f"/model/predict?{urlencode(fields)}", {"image": ("image", image)})
        return [
            Region(found["id"], found["score"], found["rle"], found.get("polygons", [])) for found in body["objects"]
        ]

    def _request(self, method: str, path: str, form: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a response. Raises ServiceError if there is none, or if its status is not 200."""
        try:
            response = self._pool.request(method, self.url + path, fields=form)
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(f"no answer from {self.url}: {reason}; start the service, or correct its URL") from error
        try:
            body = response.json()
            if response.status == 200:
                return body
            message = body["message"]
        except (ValueError, KeyError, TypeError) as error:
            address = self.url + path.partition("?")[0]
            raise ServiceError(
                f"{address} answered {response.status} without the JSON of the service; correct its URL",
                response.status,
            ) from error
        raise ServiceError(f"{self.url} answered {response.status}: {message}", response.status)
