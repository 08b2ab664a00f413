"""The model of the settings: shared by the service and by the commands, neither of which needs the other."""

import math
from dataclasses import replace

from config import ConfigError, Settings
from core.decoders.decoder_pool import DecoderPool
from core.graph.quantize.calibration import calibration_path
from core.model import ModelWrapper
from core.runtime.cpu import computes_bfloat16, computes_int8, fastest_precision
from core.runtime.queue import RequestQueue
from core.types import NO_OBSERVER, EngineOptions, Observer, Precision
from core.weights.registry import MODELS, Weights, custom_weights, known_weights

__version__ = "1.0.0"


def create_model(settings: Settings, weights: Weights | None = None, observer: Observer = NO_OBSERVER) -> ModelWrapper:
    """Return the model of `settings`, which loads in the background.

    `weights` are those of `settings`, if the caller has found them already. `observer` is told the durations of the
    stages of each request, and the causes of lost decoder processes (see core.decoders.decoder_pool). Call it in the
    process that serves, not in one that forks later: TensorFlow does not survive a fork. Raises ModelError if the
    graph is missing or damaged.
    """
    # A decoder that hangs is ended in time to tell the client so.
    decoders = DecoderPool(
        settings.image_size, settings.max_image_pixels, settings.request_timeout / 2, settings.concurrency, observer
    )
    return ModelWrapper(
        weights or find_weights(settings),
        EngineOptions(settings.threads, settings.canvas, precision_of(settings)),
        RequestQueue(settings.concurrency, settings.queue_size, settings.request_timeout, observer),
        decoders,
    )


def resolved(settings: Settings) -> Settings:
    """Return `settings` with the precision that PRECISION=auto is here.

    Raises ConfigError for a precision that this CPU does not compute.
    """
    match settings.precision:
        case "bfloat16" if not computes_bfloat16():
            reason = "this CPU does not compute it"
        case "int8" if not computes_int8():
            reason = "it needs an x86-64 CPU with AVX2"
        case _:
            return replace(settings, precision=precision_of(settings))
    raise ConfigError(f"PRECISION={settings.precision!r} can't be used: {reason}; allowed: float32 or auto")


def precision_of(settings: Settings) -> Precision:
    """Return the precision of `settings`; for PRECISION=auto, the fastest accurate one for this CPU and the graph."""
    if settings.precision != "auto":
        return settings.precision
    graph = settings.model_path or MODELS[settings.model_type].bundled
    return fastest_precision(int8_ready=graph is not None and calibration_path(graph).exists())


def unlimited(settings: Settings) -> Settings:
    """Return `settings` for a model without clients: no deadline ends a photo, however slow or busy the machine is.

    Only a decoder that is stuck is ended: see core.decoders.decoder_pool.MAX_SECONDS.
    """
    return replace(settings, request_timeout=math.inf)


def find_weights(settings: Settings) -> Weights:
    """Return the graph of `settings`. Raises ModelError if it is missing or damaged."""
    if settings.model_path:
        return custom_weights(settings.model_path, settings.model_labels)
    return known_weights(settings.model_type, settings.model_cache, settings.model_sha512.get(settings.model_type, ""))
