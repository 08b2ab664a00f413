"""The service: `create_app(settings)` for a WSGI server, and `python app.py` to serve it in production quality."""

import json
import math
import os
import socket
import sys
import traceback
from concurrent.futures import Future
from typing import Any

import gunicorn.util
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

import api
from config import ConfigError, Settings
from core.errors import ModelError
from core.executor import Executor
from core.model import ModelWrapper
from core.types import EngineOptions
from core.weights import Weights, find, own

# More threads than requests that may be worked on, so that there is one for /health at any load.
SPARE_THREADS = 8


def create_app(settings: Settings) -> Flask:
    """Return the application; its model starts loading at once, in the background.

    Call it in the process that serves, not in one that forks later: TensorFlow does not survive a fork.
    """
    app = Flask("segmenter", static_folder=None)
    app.extensions["model"] = create_model(settings)
    api.install(app, settings)
    return app


def create_model(settings: Settings) -> ModelWrapper:
    """Return the model of `settings`, loading in the background. Raises ModelError where there is no graph for it."""
    return ModelWrapper(
        find_weights(settings),
        EngineOptions(settings.threads, settings.canvas, settings.precision),
        # Two inferences at once fill the gaps that each leaves where its threads wait for each other: 15 % more of
        # them in the same time at float32, 40 % at bfloat16, on two cores.
        Executor(max(2, settings.threads // 2), settings.queue_size, settings.request_timeout),
        image_size=settings.image_size,
        max_pixels=settings.max_image_megapixels * 1_000_000,
    )


def find_weights(settings: Settings) -> Weights:
    """Return the graph that `settings` name. Raises ModelError where it is not there, or not the right one."""
    if settings.model_path:
        return own(settings.model_path, settings.model_labels)
    return find(settings.model_type, settings.model_cache, settings.model_sha512.get(settings.model_type, ""))


class Server(BaseApplication):
    """gunicorn with one worker process: a second one would double the memory and halve each one's CPU."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        options = {
            "bind": f"{settings.host}:{settings.port}",
            "worker_class": "gthread",
            "threads": settings.queue_size + SPARE_THREADS,
            "graceful_timeout": math.ceil(settings.request_timeout),
            "accesslog": "-",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the application; called in the worker, after the fork."""
        app = create_app(self._settings)
        app.extensions["model"].loading.add_done_callback(_end_if_failed)
        return app


def _end_if_failed(loading: "Future[Any]") -> None:
    """End the worker, and with this status the whole service, when its model can never answer."""
    if error := loading.exception():
        # A ModelError says all there is to say; anything else is ours to find.
        lines = [f"error: {error}\n"] if isinstance(error, ModelError) else traceback.format_exception(error)
        sys.stderr.write("".join(lines))
        sys.stderr.flush()
        os._exit(Arbiter.APP_LOAD_ERROR)


def _write_json_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what is not HTTP enough to reach the application, in the form of its own errors."""
    body = json.dumps({"message": message or reason}).encode()
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    gunicorn.util.write_nonblock(sock, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def main() -> None:
    """Serve until SIGTERM; a setting or a model that can't be used ends it at once with one line."""
    try:
        settings = Settings.from_environment()
        find_weights(settings)
    except (ConfigError, ModelError) as error:
        sys.exit(f"error: {error}")
    if settings.debug:
        # Without the reloader, which would load the model twice and again at each change.
        create_app(settings).run(settings.host, settings.port, debug=True, use_reloader=False)
    else:
        gunicorn.util.write_error = _write_json_error
        Server(settings).run()


if __name__ == "__main__":
    main()
