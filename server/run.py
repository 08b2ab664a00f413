"""gunicorn as this service needs it: patient with the model, impatient with clients, one form for every answer."""

import errno
import logging
import math
import os
import resource
import select
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import gunicorn.util
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers import gthread

from server.logs import Logger
from server.deadlines import Connection, linger
from server.admission import refuse_unread
from config import Settings
from core.runtime.cpu import trim_heap

# Threads beyond those of the requests that may be worked on: each client that sends or reads slowly occupies one until
# its time is over, and /health needs one too. Those that are never used cost nothing.
SPARE_THREADS = 500
# Clients that say nothing yet, or not any more, wait beside those; each takes a file descriptor, and a worker that has
# none left ends. Some are for the service itself.
MOST_CONNECTIONS, OWN_FILES = 4096, 100
# How many seconds one that is connected when the service is told to stop has to say something.
LAST_WORDS = 2.0
# Tells gunicorn's arbiter that the worker ended for want of a session, not that it can't be started.
RESTART = 1

logger = logging.getLogger(__name__)


class Server(BaseApplication):
    """gunicorn with one worker process: a second one would double the memory and halve each one's CPU.

    `create` returns the application; it is called in the worker, after the fork.
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
            "threads": threads,
            "worker_connections": _most_connections(),
            # Longer than the minute for which proxies keep an idle connection, so that it is theirs to close.
            "keepalive": 75,
            # What was accepted last must have come, and may then wait, as long as any other.
            "graceful_timeout": 2 * math.ceil(settings.request_timeout),
            "accesslog": "-",
            "logger_class": Logger,
            # Nobody's headers may say that a request came from elsewhere, or for another path.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._create()


def _most_connections() -> int:
    """Return how many clients may be connected; let the process open as many files as it is allowed to."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return MOST_CONNECTIONS if most == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, most - OWN_FILES)


class Worker(gthread.ThreadWorker):
    """A worker that gives up its place when its session is broken, and loses no client when it is told to stop."""

    alive: bool
    _notified = 0.0
    _trimmed = 0.0
    _broken_since: float | None = None

    def load_wsgi(self) -> None:
        """Make the application, and answer what does not reach it as it would."""
        super().load_wsgi()
        gunicorn.util.write_error = partial(refuse_unread, self.wsgi.extensions["metrics"])

    def notify(self) -> None:
        """Show the arbiter that the worker lives, and end it where the session does not."""
        # The loop comes here for each connection; the arbiter waits for half a minute.
        if time.monotonic() < self._notified + 0.5:
            return
        self._notified = time.monotonic()
        super().notify()
        app = getattr(self, "wsgi", None)
        if not app or not self.alive:
            return
        if time.monotonic() > self._trimmed + 5:
            self._trimmed = time.monotonic()
            self.tpool.submit(trim_heap)
        model = app.extensions["model"]
        if model.broken and self._broken_since is None:
            self._broken_since = time.monotonic()
            logger.error("%s; it is being restarted", model.broken)
        if self._broken_since is not None:
            waited = time.monotonic() - self._broken_since
            # No new request is taken on any more; those that were get their answers, if only that it is too late.
            if model.executor.admitted == 0 or waited > self.cfg.graceful_timeout:
                self.alive = False

    def run(self) -> None:
        super().run()
        if self._broken_since is not None:
            # A thread that hangs in the session would keep the process from ending by itself.
            logging.shutdown()
            os._exit(RESTART)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections or no more; at the end, first those that the system has accepted already."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, time.monotonic() + LAST_WORDS)
        for listener in self.sockets:
            while select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            # Whoever comes now is refused by the system and may go elsewhere; left open, it would let them wait.
            listener.close()

    def enqueue_req(self, conn: Any) -> None:
        """Let a thread answer what comes on `conn`, unless it is settled at once."""
        goes_on = self._settled(conn)
        if goes_on is None:
            super().enqueue_req(conn)
            return
        done: Future[bool] = Future()
        done.set_result(goes_on)
        self.finish_request(conn, done)

    def _settled(self, conn: Any) -> bool | None:
        """Refuse what has come on `conn`, or skip it where it is the rest of what was; else return None.

        Return whether the connection may go on. Never waits for the client.
        """
        try:
            if not conn.left:
                last = len(self.keepalived_conns) >= self.max_keepalived
                if not (self.alive and self.wsgi.extensions["refusal"].refuse(conn, last=last)):
                    return None
            return bool(conn.skip())
        except OSError:
            return False

    def finish_request(self, conn: Any, future: Any) -> None:
        """See to a connection that a thread is done with; when stopping, let one that was silent speak."""
        if future.done() and future.result() is gthread._DEFER and not self.alive and not conn.patience:
            conn.patience = LAST_WORDS
            self.enqueue_req(conn)
        else:
            super().finish_request(conn, future)

    def handle(self, conn: Any) -> Any:
        """Answer what comes on `conn`; where it is to be closed then, wait here until the client has read the answer.

        gunicorn does that in its main loop, where one client that does not close would keep all others waiting.
        """
        # Once more: others may have been let in since it was given to this thread.
        goes_on = self._settled(conn)
        if goes_on is None:
            goes_on = super().handle(conn)
            if not goes_on:
                linger(conn.sock)
        return goes_on

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request; a client that does not read its answer in time is left like one that has gone."""
        too_large = int(dict(req.headers).get("CONTENT-LENGTH", 0)) > self.wsgi.config["MAX_CONTENT_LENGTH"]
        if too_large or len(self.keepalived_conns) >= self.max_keepalived:
            # What is too large is refused without being read: no other request can follow on the connection.
            req.force_close()
        try:
            answered: bool = super().handle_request(req, conn)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client did not read its answer in time") from error
        return answered
