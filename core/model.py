"""The model as the service sees it: an image's bytes in, the class of every pixel out."""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.errors import ModelError, ModelNotReady
from core.executor import Executor
from core.image import Photo, read_image
from core.machine import give_back_memory
from core.types import EngineOptions, UInt8Array
from core.weights import Weights

if TYPE_CHECKING:
    from core.engine import Engine


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


def resized(photo: Photo, long_side: int) -> UInt8Array:
    """Return `photo`, uint8 [height, width, 3], with its long side `long_side` pixels.

    The other side is in proportion to what was sent, floored, at least 1: the original's arithmetic.
    """
    width, height = (max(1, side * long_side // max(photo.size)) for side in photo.size)
    return np.asarray(photo.image.resize((width, height), Image.Resampling.LANCZOS))


class ModelWrapper:
    """Reads, resizes and segments images with the graph of `weights`, loaded in the background.

    `image_size` is the long side of the resized image in pixels, `max_pixels` the largest image that is decoded.
    `loading` is done when the first answer can be given, or holds the ModelError that prevents it for good.
    """

    def __init__(
        self, weights: Weights, options: EngineOptions, executor: Executor, *, image_size: int, max_pixels: int
    ) -> None:
        self.image_size = image_size
        self.labels = weights.labels
        self._weights = weights
        self._max_pixels = max_pixels
        self._options = options
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
                "model_type": self._weights.model_type,
                "backbone": self._weights.backbone,
                "image_size": self.image_size,
                "canvas": self._options.canvas,
                "precision": self._options.precision,
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
            image = self.resize(read_image(data, self._max_pixels, enough=self.image_size))
            return Segmentation(ticket.run(self.loading.result().run, image))

    def resize(self, photo: Photo) -> UInt8Array:
        """Return `photo`, uint8 [height, width, 3], with its long side `image_size` pixels."""
        return resized(photo, self.image_size)

    def _load(self) -> "Engine":
        # Not at the top of the file: importing TensorFlow takes seconds, in which the process should already answer
        # /health and refuse bad settings, and a process that forks after it hangs in its first inference.
        from core.engine import Engine  # noqa: PLC0415
        from core.graph import read_graph  # noqa: PLC0415

        graph = read_graph(self._weights.path)
        if graph.num_classes != len(self.labels):
            raise ModelError(
                f"{self._weights.path} has {graph.num_classes} classes, but there are {len(self.labels)} names: "
                f"{', '.join(self.labels)}; give MODEL_LABELS, a text file with one name a line"
            )
        engine = Engine(graph, self._options)
        # TensorFlow prepares each shape at its first inference, in each thread: pay that for cameras' usual shapes
        # before the first request. This is one of the executor's threads; a job for each of the others keeps it busy.
        others = [self._executor.submit(self._warm_up, engine) for _ in range(self._executor.workers - 1)]
        self._warm_up(engine)
        for other in others:
            other.result()
        del graph
        # Loading takes several times the memory of what is loaded.
        give_back_memory()
        return engine

    def _warm_up(self, engine: "Engine") -> None:
        for size in ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16)):
            engine.run(self.resize(Photo(Image.new("RGB", size), size)))
