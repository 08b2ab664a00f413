"""gunicorn's configuration: one worker process, deadlines for clients, and JSON errors."""

import errno
import logging
import math
import os
import resource
import select
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import gunicorn.util
from flask import Flask, Response, current_app, request
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread
from werkzeug.exceptions import HTTPException

from config import Settings
from core.runtime.heap import trim_heap
from server.admission import reject_malformed
from server.deadlines import Connection, linger
from server.logs import Logger

# Threads in addition to QUEUE_SIZE: each client that sends or reads slowly occupies one until its deadline, and /health
# needs one. Threads start on demand, so unused ones cost nothing.
SPARE_THREADS = 500
# Idle connections wait outside the thread pool. Each needs a file descriptor; OWN_FILES of them are reserved for the
# service itself, because running out ends the worker.
MAX_CONNECTIONS, OWN_FILES = 4096, 100
# After SIGTERM, seconds in which a connected client may still send a request.
STOP_LINGER = 2.0
# Exit statuses of a worker: gunicorn starts another worker, or ends the service.
RESTART, START_FAILED = 1, Arbiter.APP_LOAD_ERROR
# Bytes per read of a discarded body.
CHUNK = 1 << 18

logger = logging.getLogger(__name__)


class Server(BaseApplication):
    """gunicorn with one worker process: a second one would double the memory and halve the CPU of each.

    `create` returns the application; the worker calls it, after the fork.
    """

    def __init__(self, settings: Settings, create: Callable[[], Flask]) -> None:
        self._settings = settings
        self._create = create
        gthread.TConn = Connection
        Connection.limit = settings.request_timeout
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        threads = settings.queue_size + SPARE_THREADS
        options = {
            "bind": f"{settings.host}:{settings.port}",
            "worker_class": Worker,
            # gunicorn's default is the value of WEB_CONCURRENCY.
            "workers": 1,
            "threads": threads,
            "worker_connections": _max_connections(),
            # Proxies keep idle connections for 60 seconds. A longer time here leaves it to them to close one.
            "keepalive": 75,
            # A request that was accepted last may take REQUEST_TIMEOUT to arrive, and as long again to be processed.
            "graceful_timeout": 2 * math.ceil(settings.request_timeout),
            "accesslog": "-",
            "logger_class": Logger,
            # No client may set the remote address or the path by a header.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._create()


def _max_connections() -> int:
    """Raise the limit of open files to its maximum, and return the number of connections that it allows."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    return MAX_CONNECTIONS if hard_limit == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, hard_limit - OWN_FILES)


def discard_body(response: Response) -> Response:
    """Read the rest of a request that has its response already, so that the next request on the connection can follow.

    A body above the size limit is left unread: its connection is closed.
    """
    if (request.content_length or 0) <= current_app.config["MAX_CONTENT_LENGTH"]:
        # The rest of a malformed body can't be read; gunicorn's stream then raises OSError.
        with suppress(HTTPException, ParseException, OSError):
            while request.stream.read(CHUNK):
                pass
    return response


class Worker(gthread.ThreadWorker):
    """A worker that restarts when its session is broken, and loses no request when it stops."""

    alive: bool
    _notified_at = 0.0
    _trimmed_at = 0.0
    _broken_since: float | None = None

    def load_wsgi(self) -> None:
        """Create the application, and make gunicorn's own errors JSON."""
        super().load_wsgi()
        gunicorn.util.write_error = partial(reject_malformed, self.wsgi.extensions["metrics"])

    def notify(self) -> None:
        """Tell the arbiter that the worker is alive, trim the heap, and end the worker if its session is broken."""
        # The main loop calls this for each connection; the arbiter waits for 30 seconds.
        if time.monotonic() < self._notified_at + 0.5:
            return
        self._notified_at = time.monotonic()
        super().notify()
        app = getattr(self, "wsgi", None)
        if not app or not self.alive:
            return
        if time.monotonic() > self._trimmed_at + 5:
            self._trimmed_at = time.monotonic()
            self.tpool.submit(trim_heap)
        model = app.extensions["model"]
        if model.broken and self._broken_since is None:
            self._broken_since = time.monotonic()
            logger.error("%s; it is being restarted", model.broken)
        if self._broken_since is not None:
            waited = time.monotonic() - self._broken_since
            # The model rejects new requests; the admitted ones finish or reach their deadline.
            if model.queue.admitted == 0 or waited > self.cfg.graceful_timeout:
                self.alive = False

    def run(self) -> None:
        super().run()
        if self._broken_since is not None:
            # A thread that hangs in the session keeps the process from ending normally.
            logging.shutdown()
            os._exit(RESTART)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting; when stopping, first take the connections that the system has accepted already."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_LINGER)
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            # A closed listener refuses new connections at once, so that clients retry elsewhere instead of waiting.
            listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Give the request on `conn` to a thread, unless the main loop can handle it without blocking."""
        keep_open = self._handle_without_blocking(conn)
        if keep_open is None:
            super().enqueue_req(conn)
            return
        done: Future[bool] = Future()
        done.set_result(keep_open)
        self.finish_request(conn, done)

    def _handle_without_blocking(self, conn: Any) -> bool | None:
        """Reject the request on `conn`, or discard the rest of a rejected one; return None if it is neither.

        Return whether the connection stays open. Never waits for the client.
        """
        try:
            if not conn.left:
                last = len(self.keepalived_conns) >= self.max_keepalived
                if not (self.alive and self.wsgi.extensions["admission"].reject(conn, last=last)):
                    return None
            return bool(conn.skip())
        except OSError:
            return False

    def finish_request(self, conn: Any, future: Any) -> None:
        """Handle a connection whose thread is done; when stopping, let an idle client send a last request."""
        if future.done() and future.result() is gthread._DEFER and not self.alive and not conn.data_timeout:
            conn.data_timeout = STOP_LINGER
            self.enqueue_req(conn)
        else:
            super().finish_request(conn, future)

    def handle(self, conn: Any) -> Any:
        """Handle the request on `conn`; if the connection ends, linger in this thread.

        gunicorn lingers in its main loop, where one client that does not close would delay all others.
        """
        # The queue may have become full since the main loop gave the request to this thread.
        keep_open = self._handle_without_blocking(conn)
        if keep_open is None:
            keep_open = super().handle(conn)
            if not keep_open:
                linger(conn.sock)
        return keep_open

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Handle a request; a client that does not read its response in time counts as disconnected."""
        too_large = int(dict(req.headers).get("CONTENT-LENGTH", 0)) > self.wsgi.config["MAX_CONTENT_LENGTH"]
        if too_large or len(self.keepalived_conns) >= self.max_keepalived:
            # A request that is too large is rejected without being read, so no other can follow on the connection.
            req.force_close()
        try:
            keep_open: bool = super().handle_request(req, conn)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client did not read its response in time") from error
        return keep_open
