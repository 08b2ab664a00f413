"""The service: `create_app(settings)` returns the Flask application, and `python app.py` serves it."""

import os
import signal

if __name__ == "__main__":
    from core.supported import require_support

    require_support()
    # Until the server has its own handlers, nothing needs to be finished. The imports below take a moment.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))

from flask import Flask

import api
from api.metrics import Metrics
from api.tracing import create_spans
from config import ConfigError, Settings
from core import log as logs
from core.errors import ModelError
from core.heap import limit_heap
from core.runtime.warm_up import warm_up
from core.weights.registry import Weights
from segmenter import create_model, find_weights, resolved
from server.run import serve


def create_app(settings: Settings, weights: Weights | None = None) -> Flask:
    """Return the application; its model loads in the background.

    `weights` are those of `settings`, if the caller has found them already. Call it in the process that serves, not in
    one that forks later: TensorFlow does not survive a fork. Raises ModelError if the graph is missing or damaged.
    """
    metrics = Metrics(create_spans(settings))
    metrics.watch_count("log_lines_dropped", "Log lines that nothing read or that could not be written", logs.dropped)
    model = create_model(settings, weights, metrics)
    warm_up(model.loading, model.queue, model.image_size, until=lambda: model.stopping)
    app = Flask("segmenter", static_folder=None)
    api.init_app(app, settings, model, metrics)
    return app


def main() -> None:
    """Serve until SIGTERM or SIGINT; end at once, with one line, if a setting or the model can't be used."""
    limit_heap()
    try:
        settings = resolved(Settings.from_environment())
        logs.configure(settings.log_format)
        weights = find_weights(settings)
        if settings.debug:
            # The reloader would load the model twice, and again at each change.
            create_app(settings, weights).run(settings.host, settings.port, debug=True, use_reloader=False)
        else:
            serve(settings, lambda: create_app(settings, weights))
    except (ConfigError, ModelError) as error:
        logs.fail(f"error: {error}")


if __name__ == "__main__":
    main()
