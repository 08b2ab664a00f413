"""The TensorFlow sessions of an engine: one whose calls share all CPU threads, one whose calls take one thread each.

Two threads that compute one image wait for each other after every operation, which costs a mobile network 4 ms on two
cores. One thread is faster for an image that takes it less than about 10 ms, and for every image if as many are
computed at a time as there are threads.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeAlias

# Computes the outputs of a graph from its inputs.
Call: TypeAlias = Callable[..., Any]


class Sessions:
    """Computes the outputs of a graph, in the session that suits each call. Several threads may call it at once.

    `open_session` is called with a number of CPU threads, and returns a function that computes the outputs with them.
    `threads` is how many there are. Without `narrow`, all calls share them: a second session costs the memory of the
    weights once more.
    """

    def __init__(self, open_session: Callable[[int], Call], threads: int, *, narrow: bool) -> None:
        self._threads = threads
        self._wide = open_session(threads)
        self._narrow = open_session(1) if narrow and threads > 1 else None
        # TensorFlow caches oneDNN's convolutions in each thread, and reuses one that was compiled for several threads
        # in a single-threaded session: each session needs threads of its own. These start at the first call.
        self._narrow_threads = ThreadPoolExecutor(threads, thread_name_prefix="narrow")
        self._running = 0
        self._lock = Lock()

    def __call__(self, *inputs: Any, small: bool) -> Any:
        """Return the outputs for `inputs`; `small` tells that one thread computes them in less than about 10 ms."""
        with self._lock:
            self._running += 1
            busy = self._running >= self._threads
        try:
            return self.alone(*inputs, small=small or busy)
        finally:
            with self._lock:
                self._running -= 1

    def first(self, inputs: Iterable[Any], narrow_inputs: Iterable[Any]) -> Any:
        """Return the outputs for `inputs`, after both sessions have compiled the graph, which the first call does.

        The first call of the session of one thread has the inputs `narrow_inputs`, which may be cheaper.
        """
        compiling = self._narrow_threads.submit(self._narrow, *narrow_inputs) if self._narrow else None
        outputs = self._wide(*inputs)
        if compiling:
            compiling.result()
        return outputs

    def alone(self, *inputs: Any, small: bool) -> Any:
        """Return the outputs for `inputs`, computed as if no other call ran."""
        if small and self._narrow:
            return self._narrow_threads.submit(self._narrow, *inputs).result()
        return self._wide(*inputs)
