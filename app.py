"""The service: `create_app(settings)` returns the Flask application, and `python app.py` serves it."""

import logging
import os
import sys
from concurrent.futures import Future
from typing import Any

from flask import Flask

import api
from api.metrics import Metrics
from config import ConfigError, Settings
from core.errors import ModelError
from core.runtime.heap import limit_heap
from core.weights.registry import Weights
from segmenter import create_model, find_weights
from server import logs
from server.admission import Admission
from server.run import START_FAILED, Server, discard_body

logger = logging.getLogger(__name__)


def create_app(settings: Settings, weights: Weights | None = None) -> Flask:
    """Return the application; its model loads in the background.

    `weights` are those of `settings`, if the caller has found them already. Call it in the process that serves, not in
    one that forks later: TensorFlow does not survive a fork. Raises ModelError if the graph is missing or damaged.
    """
    metrics = Metrics()
    model = create_model(settings, weights, metrics.observe)
    app = Flask("segmenter", static_folder=None)
    app.after_request(discard_body)
    api.init_app(app, settings, model, metrics)
    app.extensions["admission"] = Admission(app, settings.api_key)
    return app


def _exit_if_failed(loading: "Future[Any]") -> None:
    """End the worker process, and by its status the whole service, if the model could not be loaded."""
    if error := loading.exception():
        # The message of a ModelError is complete; any other exception is a defect and needs its traceback.
        if isinstance(error, ModelError):
            sys.stderr.write(f"error: {error}\n")
        else:
            logger.critical("the model failed to load", exc_info=error)
        sys.stderr.flush()
        os._exit(START_FAILED)


def main() -> None:
    """Serve until SIGTERM; end at once, with one line, if a setting or the model can't be used."""
    limit_heap()
    try:
        settings = Settings.from_environment()
        logs.configure(settings.log_format)
        weights = find_weights(settings)
    except (ConfigError, ModelError) as error:
        sys.exit(f"error: {error}")

    def create() -> Flask:
        app = create_app(settings, weights)
        app.extensions["model"].loading.add_done_callback(_exit_if_failed)
        return app

    if settings.debug:
        # The reloader would load the model twice, and again at each change.
        create_app(settings, weights).run(settings.host, settings.port, debug=True, use_reloader=False)
    else:
        Server(settings, create).run()


if __name__ == "__main__":
    main()
