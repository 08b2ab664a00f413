"""Starts Granian, the HTTP server, with one worker process, and ends the worker when it has to."""

import asyncio
import logging
import math
import multiprocessing
import os
import resource
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Thread, main_thread

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from config import ConfigError, Settings
from core.errors import ModelError
from core.heap import keep_heap_trimmed
from core.log import end
from core.log.prints import log_prints
from core.model import ModelWrapper
from server.gate import Gate

# Each connection needs a file descriptor; OWN_FILES of them are reserved for the service itself.
MAX_CONNECTIONS, OWN_FILES = 4096, 100
# Bytes of the head of a request, and threads in addition to QUEUE_SIZE, for requests that do not wait for the model.
MAX_HEAD, SPARE_THREADS = 1 << 15, 16
INTERVAL = 1.0  # seconds between two looks at the worker
# Looks at a broken model before the worker ends: after a pause of the whole machine, requests need a moment to end.
PATIENCE = 5
STOP = {signal.SIGINT, signal.SIGTERM}
# Seconds from a signal until Granian closes idle connections. In these, clients that send one request after the other
# learn from a response that their connection closes; a request that crosses the closing of its connection is lost.
GRACE = 0.5

logger = logging.getLogger(__name__)


def serve(settings: Settings, create: Callable[[], Flask]) -> None:
    """Serve the application that `create` returns, which one worker process calls, until SIGTERM or SIGINT.

    A second worker would double the memory and halve the CPU of each. Raises ConfigError if the address can't be used,
    ModelError if the model can't be loaded, and SystemExit if workers end at once.
    """
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    server = Granian(
        "segmenter",
        _address(settings.host, settings.port),
        settings.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        # An idle connection; a head has its own deadline, server.heads.
        http1_settings=HTTP1Settings(
            math.ceil(1000 * max(settings.idle_timeout, settings.request_timeout)), max_buffer_size=MAX_HEAD
        ),
        websockets=False,
        loop=Loops.asyncio,
        backpressure=MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files - OWN_FILES),
        respawn_failed_workers=True,
        # A request may take REQUEST_TIMEOUT to arrive, and as long again to be processed.
        workers_kill_timeout=2 * math.ceil(settings.request_timeout),
        # Its errors go to the handlers of core.log. Its warning of a killed worker can be wrong.
        log_level=LogLevels.error,
        log_dictconfig={"incremental": True, "handlers": {}, "loggers": {"_granian": {"propagate": True}}},
    )
    server.on_startup(lambda: logger.info("listening on %s; open %s", settings.host, settings.url))
    # A forked worker shares the pages of the modules with this process. That works as long as this process does not
    # load TensorFlow, which does not survive a fork.
    multiprocessing.set_start_method("fork")
    log_prints()  # first: a worker that gets SIGTERM needs its own log to end
    os.register_at_fork(
        before=partial(signal.pthread_sigmask, signal.SIG_BLOCK, STOP),
        after_in_parent=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, STOP),
        after_in_child=_end_at_sigterm,
    )
    read_end, write_end = os.pipe()
    server.serve(target_loader=partial(_load, create, settings, os.getpid(), write_end), wrap_loader=False)
    os.close(write_end)
    if failure := os.read(read_end, 1 << 16):
        raise ModelError(failure.decode())


def _address(host: str, port: int) -> str:
    """Return the numeric address of `host`. Raises ConfigError if the service could not listen on it."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except (OSError, UnicodeError) as error:
        reason = f"{error}; allowed: an address of this machine and a free port"
        raise ConfigError(f"HOST={host!r} with PORT={port} can't be used: {reason}") from None
    if len(address) == 4 and address[3]:
        # An IPv6 address with a zone: Granian takes it without the zone, which it needs.
        raise ConfigError(
            f"HOST={host!r} can't be used: it is a link-local address of one interface; allowed: ::, which includes "
            "it, or another address of this machine"
        )
    return str(address[0])


def _end_at_sigterm() -> None:
    """Let a new worker end at SIGTERM, until Granian handles it, and leave Ctrl-C to its parent."""
    signal.signal(signal.SIGTERM, lambda *_: end(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def _load(create: Callable[[], Flask], settings: Settings, parent: int, failure: int) -> Gate:
    """Return the application of the worker; write to the file `failure` why its model can't be loaded."""
    app, loop = create(), asyncio.get_event_loop()
    gate = Gate(app, settings)
    loop.set_default_executor(ThreadPoolExecutor(settings.queue_size + SPARE_THREADS))
    # No daemon: however the worker ends, the interpreter waits for this thread, which waits for the log.
    watch = Thread(target=_watch, args=(loop, gate, app.extensions["model"], parent, failure))
    loop.call_soon(watch.start)
    _stop_late(loop, gate)
    keep_heap_trimmed()
    return gate


def _stop_late(loop: asyncio.AbstractEventLoop, gate: Gate) -> None:
    """Let each signal stop `gate` at once, and call its handler, which Granian will add to `loop`, after GRACE."""
    add = loop.add_signal_handler

    def add_late(number: int, handler: Callable[..., object], *args: object) -> None:
        def stop() -> None:
            gate.stop()
            loop.call_later(GRACE, handler, *args)

        add(number, stop)

    setattr(loop, add.__name__, add_late)


def _watch(loop: asyncio.AbstractEventLoop, gate: Gate, model: ModelWrapper, parent: int, failure: int) -> None:
    """Close late connections; end the worker when `loop` ends or its model breaks, the service if that can't load."""
    broken_looks = 0
    while True:
        main_thread().join(INTERVAL)
        if not loop.is_running():
            end(0)  # the interpreter would wait for a model that is loading, and for a session that hangs
        gate.heads.close_late(time.monotonic())
        if failure and model.loading.done() and (error := model.loading.exception()):
            if not isinstance(error, ModelError):
                logger.critical("the model failed to load", exc_info=error)
            os.write(failure, str(error).encode())
            os.kill(parent, signal.SIGTERM)
            failure = 0
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
        broken_looks = broken_looks + 1 if model.broken else 0
        if broken_looks == PATIENCE:
            logger.error("%s; it is being restarted", model.broken)
        # The model rejects new requests; the admitted ones finish or reach their deadline.
        if broken_looks >= PATIENCE and model.queue.admitted <= model.queue.overrunning():
            end(1)
