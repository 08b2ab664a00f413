"""The service: `create_app(settings)` for a WSGI server, and `python app.py` to serve it in production quality."""

import logging
import os
import sys
from concurrent.futures import Future
from typing import Any

from flask import Flask
from gunicorn.arbiter import Arbiter

import api
from api import logs
from api.metrics import Metrics
from server.run import Server
from config import ConfigError, Settings
from core.errors import ModelError
from core.runtime.queue import Executor
from core.runtime.cpu import keep_heap_small
from core.model import ModelWrapper
from core.types import EngineOptions, Observe, ignore
from core.weights.registry import Weights, find, own

logger = logging.getLogger(__name__)


def create_app(settings: Settings, weights: Weights | None = None) -> Flask:
    """Return the application; its model starts loading at once, in the background.

    `weights` are those that `settings` name, if they have been found already. Call it in the process that serves, not
    in one that forks later: TensorFlow does not survive a fork.
    """
    app = Flask("segmenter", static_folder=None)
    metrics = Metrics()
    api.install(app, settings, create_model(settings, weights, metrics.observe), metrics)
    return app


def create_model(settings: Settings, weights: Weights | None = None, observe: Observe = ignore) -> ModelWrapper:
    """Return the model of `settings`, loading in the background. Raises ModelError where there is no graph for it."""
    return ModelWrapper(
        weights or find_weights(settings),
        EngineOptions(settings.threads, settings.canvas, settings.precision),
        # Two inferences at once fill the gaps that each leaves where its threads wait for each other: 15 % more of
        # them in the same time at float32, 40 % at bfloat16, on two cores.
        Executor(max(2, settings.threads // 2), settings.queue_size, settings.request_timeout, observe),
        image_size=settings.image_size,
        max_pixels=settings.max_image_megapixels * 1_000_000,
    )


def find_weights(settings: Settings) -> Weights:
    """Return the graph that `settings` name. Raises ModelError where it is not there, or not the right one."""
    if settings.model_path:
        return own(settings.model_path, settings.model_labels)
    return find(settings.model_type, settings.model_cache, settings.model_sha512.get(settings.model_type, ""))


def _end_if_failed(loading: "Future[Any]") -> None:
    """End the worker, and with this status the whole service, when its model can never answer."""
    if error := loading.exception():
        # A ModelError says all there is to say; anything else is ours to find.
        if isinstance(error, ModelError):
            sys.stderr.write(f"error: {error}\n")
        else:
            logger.critical("the model failed to load", exc_info=error)
        sys.stderr.flush()
        os._exit(Arbiter.APP_LOAD_ERROR)


def main() -> None:
    """Serve until SIGTERM; a setting or a model that can't be used ends it at once with one line."""
    keep_heap_small()
    try:
        settings = Settings.from_environment()
        logs.configure(settings.log_format)
        weights = find_weights(settings)
    except (ConfigError, ModelError) as error:
        sys.exit(f"error: {error}")

    def create() -> Flask:
        app = create_app(settings, weights)
        app.extensions["model"].loading.add_done_callback(_end_if_failed)
        return app

    if settings.debug:
        # Without the reloader, which would load the model twice and again at each change.
        create_app(settings, weights).run(settings.host, settings.port, debug=True, use_reloader=False)
    else:
        Server(settings, create).run()


if __name__ == "__main__":
    main()
