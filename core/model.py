"""The model as the service sees it: an image's bytes in, the class of every pixel out."""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import ModelError, ModelNotReady
from core.executor import Executor
from core.image import read_image
from core.labels import LABELS
from core.weights import WEIGHTS

if TYPE_CHECKING:
    from core.engine import Engine

UInt8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What the model found: `seg_map`, uint8 [height, width], the class id of each pixel, top row first."""

    seg_map: UInt8Array

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the map, in pixels."""
        height, width = self.seg_map.shape
        return width, height

    def only(self, classes: Collection[int]) -> "Segmentation":
        """Return the segmentation with every class that is not in `classes` turned into background (0)."""
        keep = np.zeros(256, np.uint8)
        for class_ in classes:
            keep[class_] = class_
        return Segmentation(keep[self.seg_map])


class ModelWrapper:
    """Reads, resizes and segments images with the graph of `model_type`, loaded in the background.

    `image_size` is the long side of the resized image in pixels, `max_pixels` the largest image that is decoded,
    `threads` the CPU threads of the engine. `loading` is done when the first answer can be given, or holds the
    ModelError that prevents it for good.
    """

    def __init__(self, model_type: str, *, image_size: int, max_pixels: int, threads: int, executor: Executor) -> None:
        self.model_type = model_type
        self.image_size = image_size
        self.labels = LABELS
        self._weights = WEIGHTS[model_type]
        self._max_pixels = max_pixels
        self._threads = threads
        self._executor = executor
        self.loading: Future[Engine] = executor.submit(self._load)

    @property
    def ready(self) -> bool:
        """Whether an image can be segmented now."""
        return self.loading.done() and self.loading.exception() is None

    @property
    def metadata(self) -> dict[str, Any]:
        """The original service's description of the model, word for word, and what is served here."""
        return {
            "id": "max-image-segmenter",
            "name": "MAX Image Segmenter",
            "description": "DeepLab TensorFlow model for semantic image segmentation, trained on VOCO 2012",
            "type": "Object Detection",
            "license": "Apache v2",
            "source": "https://developer.ibm.com/exchanges/models/all/max-image-segmenter/",
            "serving": {
                "model_type": self.model_type,
                "backbone": self._weights.backbone,
                "image_size": self.image_size,
                "num_classes": len(self.labels),
                "graph_sha256": self._weights.sha256,
            },
        }

    def segment(self, data: bytes) -> Segmentation:
        """Return the segmentation of the image file in `data`.

        Raises InvalidImage, UnsupportedImage or ImageTooLarge for what is wrong with it (see read_image), and
        ModelNotReady, QueueFull or DeadlineExceeded where it can't be done now.
        """
        if not self.ready:
            raise ModelNotReady("the model is still loading; try again in a few seconds")
        with self._executor.admit() as ticket:
            image = self.resize(read_image(data, self._max_pixels))
            return Segmentation(ticket.run(self.loading.result().run, np.asarray(image)))

    def resize(self, image: Image.Image) -> Image.Image:
        """Return `image` with its long side `image_size` pixels, the other in proportion, floored, at least 1."""
        long_side = max(image.size)
        width, height = (max(1, side * self.image_size // long_side) for side in image.size)
        return image.resize((width, height), Image.Resampling.LANCZOS)

    def _load(self) -> "Engine":
        # Not at the top of the file: importing TensorFlow takes seconds, in which the process should already answer
        # /health and refuse bad settings, and a process that forks after it hangs in its first inference.
        from core.engine import Engine  # noqa: PLC0415
        from core.graph import read_graph  # noqa: PLC0415

        self._weights.verify()
        graph = read_graph(self._weights.path)
        if graph.num_classes != len(self.labels):
            raise ModelError(f"{self._weights.path} has {graph.num_classes} classes, expected {len(self.labels)}")
        engine = Engine(graph, self._threads)
        # The first inference allocates and tunes: pay that before the first request, at the largest size of the map.
        engine.run(np.zeros((self.image_size, self.image_size, 3), np.uint8))
        return engine
