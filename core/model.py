"""The model: the bytes of an image in, an encoded segmentation out."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.checkpoint import checkpoint
from core.decoders.background import read_pictures
from core.decoders.decoder_pool import DecoderPool, Picture
from core.errors import InferenceFailed, InvalidRequest, ModelError, ModelNotReady
from core.heap import release_memory
from core.output.confidence import scores
from core.output.encode import Encoded, Encoder, check_size
from core.output.look import look_again
from core.output.pieces import without_small
from core.output.segmentation import Segmentation, enlarged
from core.runtime.queue import RequestQueue
from core.runtime.warm_up import blank
from core.types import HIDDEN_LOGITS, EngineOptions, Options, Prediction, Stage, UInt8Array
from core.weights.registry import Weights

if TYPE_CHECKING:
    from core.runtime.engine import Engine

logger = logging.getLogger(__name__)

# A request that runs on for longer than this after its deadline, in seconds, hangs in a stage that can't be stopped.
MAX_OVERRUN_SECONDS = 10.0
DEFAULT = Options()


class ModelWrapper:
    """Segments and encodes images with the graph of `weights`, which loads in the background.

    `decoders` decode them and resize them to a long side of `image_size` pixels.
    The observer of `queue` is told the durations of decoding, inference and encoding too.
    `loading` is done when the first image can be segmented, or holds the ModelError that prevents it.
    """

    def __init__(
        self,
        weights: Weights,
        options: EngineOptions,
        queue: RequestQueue,
        decoders: DecoderPool,
    ) -> None:
        self.image_size = decoders.limits.image_size
        self.labels = weights.labels
        self.queue = queue
        self._weights = weights
        self.decoders = decoders
        self._options = options
        self.stopping = False  # still segments, but is not ready for more
        self._failing = False
        self._created_at = time.monotonic()
        self.loading: Future[Engine] = queue.submit(self._load)

    @property
    def ready(self) -> bool:
        """Whether an image can be segmented now."""
        return self.loading.done() and self.loading.exception() is None and not self.broken

    @property
    def broken(self) -> str:
        """Why no image can be segmented until the process restarts; empty if one can."""
        if self._failing:
            return "the session fails at every image"
        if self.queue.overrunning(MAX_OVERRUN_SECONDS):
            return f"a request has run on for more than {MAX_OVERRUN_SECONDS:g} seconds after its deadline"
        return ""

    @property
    def serving(self) -> dict[str, Any]:
        """What is served: the model, its options and the checksum of its graph."""
        return {
            "model_type": self._weights.model_type,
            "backbone": self._weights.backbone,
            "image_size": self.image_size,
            "canvas": self._options.canvas,
            "precision": self._options.precision,
            "num_classes": len(self.labels),
            "graph_sha256": self._weights.sha256,
        }

    def check(self) -> None:
        """Raise ModelNotReady or QueueFull if an image that came now could not be segmented."""
        if self.broken:
            raise ModelNotReady(f"{self.broken} and is being restarted; try again in half a minute", 30)
        if not self.ready:
            raise ModelNotReady("the model is still loading; try again in a few seconds", 5)
        self.queue.check()

    def segment(
        self,
        upload: bytes,
        encode: Encoder | None,
        options: Options = DEFAULT,
        *,
        is_connected: Callable[[], bool] = lambda: True,
    ) -> Encoded:
        """Return the segmentation of the image file in `upload`, encoded by `encode`, one of core.output.encode.

        Without an encoder, the result has a label map and no content. A worker of the queue decodes, segments and
        encodes the image, so that no more photos than workers are in memory at a time. It stops at its next
        checkpoint() when `is_connected` returns False or the deadline has passed.

        Raises InvalidRequest if `options` or `encode` need logits, and the graph hides them, or if a file of the wanted
        type can't hold the result; InvalidImage, UnsupportedImage or ImageTooLarge if the image is at fault (see
        core.image.decode); ModelNotReady, QueueFull, MemoryFull, DecoderLost, DeadlineExceeded or InferenceFailed if
        the service is, and ClientGone.
        """
        self.check()
        needs_logits = options.edges == "photo" or options.min_score or options.look == "twice"
        if needs_logits and not self.loading.result().has_logits:
            raise InvalidRequest(HIDDEN_LOGITS)
        return self.queue.run(self._segment, upload, encode, options, is_connected=is_connected)

    def _segment(self, upload: bytes, encode: Encoder | None, options: Options) -> Encoded:
        with ExitStack() as opened:
            keep_photo = options.size == "original" or options.look == "twice"
            with self._timed("decode"):
                picture = read_pictures(self.decoders, opened, upload, options.background, keep_photo=keep_photo)
            if options.size == "original":
                check_size(picture.size, options.mimetype)
            checkpoint()
            with self._timed("inference"):
                prediction, image = self._predict(picture.image), picture.image
                if options.look == "twice":
                    prediction, image = look_again(prediction, image, picture.photo, self._predict)
            # At the size of the model, the result is of the image that it saw first.
            photo = picture.photo if options.size == "original" else picture.image
            picture = replace(picture, image=image, photo=photo)
            checkpoint()
            with self._timed("encode"):
                return self._encoded(picture, prediction, encode, options)

    def _encoded(self, picture: Picture, prediction: Prediction, encode: Encoder | None, options: Options) -> Encoded:
        edges = options.edges or ("photo" if options.size == "original" else "model")
        if options.size == edges == "model" and options.look == "once":
            seg_map = prediction.seg_map
        else:
            seg_map = enlarged(prediction, picture.image, picture.photo, edges)
        segmentation = Segmentation(seg_map, picture.photo, self.labels, prediction, options.pieces, picture.background)
        kept = set(options.classes or range(len(self.labels)))
        if options.min_score:
            kept &= {class_ for class_, score in scores(prediction.needed_logits).items() if score >= options.min_score}
        if len(kept) < len(self.labels):
            segmentation = segmentation.keep_classes(kept)
        if options.min_area:
            segmentation = replace(segmentation, seg_map=without_small(segmentation.seg_map, options.min_area))
        return encode(segmentation) if encode else Encoded(b"", "", segmentation.seg_map)

    def _predict(self, image: UInt8Array) -> Prediction:
        engine = self.loading.result()
        try:
            return engine.predict(image)
        except Exception as error:
            # An image like one that has been segmented before tells whether this image or the session is at fault.
            try:
                engine.predict(blank(self.image_size))
            except Exception:
                self._failing = True
            logger.exception("the inference failed at an image of %s", image.shape)
            raise InferenceFailed("the model failed at this image; try again later", 30) from error

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        began_at = time.monotonic()
        yield
        self.queue.observer.observe(stage, time.monotonic() - began_at)

    def _load(self) -> "Engine":
        # Importing TensorFlow takes seconds, during which the process already answers /health and rejects bad settings.
        # A process that forks after the import hangs in its first inference.
        from core.graph.frozen_graph import read_graph  # noqa: PLC0415
        from core.runtime.engine import Engine  # noqa: PLC0415

        graph = read_graph(self._weights.path)
        if graph.num_classes != len(self.labels):
            raise ModelError(
                f"{self._weights.path} has {graph.num_classes} classes, but there are {len(self.labels)} names: "
                f"{', '.join(self.labels)}; give MODEL_LABELS, a text file with one name a line"
            )
        engine = Engine(graph, self._options)
        del graph  # before the first inference, which takes as much memory again
        engine.prepare(blank(self.image_size))
        self.decoders.wait_until_ready()
        release_memory()
        options, seconds = self._options, time.monotonic() - self._created_at
        logger.info(
            "the model is ready after %.1f s: %s, %s, %d threads, images of %d pixels",
            *(seconds, self._weights.model_type, options.precision, options.threads, self.image_size),
        )
        return engine
