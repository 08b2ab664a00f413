"""The model as the service sees it: an image's bytes in, the class of every pixel out."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

from core.errors import InferenceFailed, ModelError, ModelNotReady
from core.runtime.queue import Executor
from core.image.decode import Photo, decode, open_image, read_image
from core.runtime.cpu import give_back_memory
from core.output.segmentation import Segmentation, enlarged, resized
from core.types import EngineOptions, Prediction, Stage, UInt8Array
from core.weights.registry import Weights

if TYPE_CHECKING:
    from core.runtime.engine import Engine

T = TypeVar("T")

logger = logging.getLogger(__name__)

# Seconds that none takes, however large the model and busy the machine.
LONGEST_INFERENCE = 10.0
# Seconds for preparing shapes of images: each saves its first request some hundredths of one.
LONGEST_WARM_UP = 5.0


class ModelWrapper:
    """Reads, resizes and segments images with the graph of `weights`, loaded in the background.

    `image_size` is the long side of the resized image in pixels, `max_pixels` the largest image that is decoded.
    What observes the executor is told how long decoding, inference and encoding took too.
    `loading` is done when the first answer can be given, or holds the ModelError that prevents it for good.
    """

    def __init__(
        self,
        weights: Weights,
        options: EngineOptions,
        executor: Executor,
        *,
        image_size: int,
        max_pixels: int,
    ) -> None:
        self.image_size = image_size
        self.labels = weights.labels
        self._weights = weights
        self._max_pixels = max_pixels
        self._options = options
        self._failing = False
        self._running: dict[int, float] = {}  # by thread, when the inference that it waits for began
        self.executor = executor
        self.loading: Future[Engine] = executor.submit(self._load)

    @property
    def ready(self) -> bool:
        """Whether an image can be segmented now."""
        return self.loading.done() and self.loading.exception() is None and not self.broken

    @property
    def broken(self) -> str:
        """Why no image can be segmented any more until the process is restarted; empty as long as they can."""
        if self._failing:
            return "the session fails at every image"
        patience = max(self.executor.timeout, LONGEST_INFERENCE)
        if any(time.monotonic() - began > patience for began in list(self._running.values())):
            return f"the session has hung for more than {patience:g} seconds"
        return ""

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

    def check(self) -> None:
        """Raise ModelNotReady or QueueFull if an image that came now could not be segmented."""
        if self.broken:
            raise ModelNotReady(f"{self.broken} and is being restarted; try again in half a minute", 30)
        if not self.ready:
            raise ModelNotReady("the model is still loading; try again in a few seconds", 5)
        self.executor.check()

    def segment(
        self,
        data: bytes,
        finish: Callable[[Segmentation], T],
        *,
        original: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> T:
        """Return what `finish` makes of the segmentation of the image file in `data`.

        The segmentation has the size of the resized image, or with `original` that of the upright image itself. The
        image is decoded, segmented and finished by the executor, so that no more whole images than it has workers are
        in memory; not at all where, when its turn comes, it is no longer `wanted`.

        Raises InvalidImage, UnsupportedImage or ImageTooLarge for what is wrong with the image (see core.image),
        ModelNotReady, QueueFull, DeadlineExceeded or InferenceFailed where it can't be done now, and ClientGone.
        """
        self.check()
        opened = open_image(data, self._max_pixels)

        def work() -> T:
            with self._timed("decode"):
                size, image = self._decoded(opened)
            with self._timed("inference"):
                prediction = self._predict(image)
            with self._timed("encode"):
                if not original:
                    return finish(Segmentation(prediction.seg_map, lambda: Image.fromarray(image), self.labels))
                whole = enlarged(prediction, size)
                return finish(Segmentation(whole, lambda: read_image(data, self._max_pixels).image, self.labels))

        with self.executor.admit(wanted) as ticket:
            return ticket.run(work)

    def _decoded(self, opened: Image.Image) -> tuple[tuple[int, int], UInt8Array]:
        """Return the size of the picture in an opened file, and the picture resized."""
        photo = decode(opened, enough=self.image_size)
        image = self.resize(photo)
        # The request goes on, and may decode it once more: what it does not need any longer is given back.
        opened.close()
        return photo.size, image

    def _predict(self, image: UInt8Array) -> Prediction:
        engine = self.loading.result()
        self._running[get_ident()] = time.monotonic()
        try:
            return engine.predict(image)
        except Exception as error:
            # Is it this image, or the session? A photo that it has done before tells.
            try:
                self._warm_up(engine)
            except Exception:
                self._failing = True
            logger.exception("the inference failed at an image of %s", image.shape)
            raise InferenceFailed("the model failed at this image; try again later", 30) from error
        finally:
            del self._running[get_ident()]

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.executor.observe(stage, time.monotonic() - began)

    def resize(self, photo: Photo) -> UInt8Array:
        """Return `photo`, uint8 [height, width, 3], with its long side `image_size` pixels."""
        return resized(photo, self.image_size)

    def _load(self) -> "Engine":
        # Not at the top of the file: importing TensorFlow takes seconds, in which the process should already answer
        # /health and refuse bad settings, and a process that forks after it hangs in its first inference.
        from core.runtime.engine import Engine  # noqa: PLC0415
        from core.graph.load import read_graph  # noqa: PLC0415

        graph = read_graph(self._weights.path)
        if graph.num_classes != len(self.labels):
            raise ModelError(
                f"{self._weights.path} has {graph.num_classes} classes, but there are {len(self.labels)} names: "
                f"{', '.join(self.labels)}; give MODEL_LABELS, a text file with one name a line"
            )
        engine = Engine(graph, self._options)
        # TensorFlow prepares each shape at its first inference, in each thread: pay that for cameras' usual shapes
        # before the first request. This is one of the executor's threads; a job for each of the others keeps it busy.
        others = [self.executor.submit(self._warm_up, engine) for _ in range(self.executor.workers - 1)]
        self._warm_up(engine)
        for other in others:
            other.result()
        del graph
        # Loading takes several times the memory of what is loaded.
        give_back_memory()
        return engine

    def _warm_up(self, engine: "Engine") -> None:
        began = time.monotonic()
        for size in ((1, 1), (4, 3), (3, 4), (3, 2), (2, 3), (16, 9), (9, 16)):
            engine.run(self.resize(Photo(Image.new("RGB", size), size)))
            if time.monotonic() - began > LONGEST_WARM_UP:
                break
