"""The sessions of an engine: which calls one CPU thread computes, and that all of them give the same."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.graph.frozen_graph import read_graph
from core.runtime.cpu import computes_int8
from core.runtime.engine import Engine
from core.runtime.sessions import Sessions
from core.types import Canvas, EngineOptions, Precision
from core.weights.registry import MOBILE
from tests.support.paths import CHELSEA


def open_session(threads: int) -> Any:
    """Return a function that returns its number of CPU threads, and calls its argument before."""

    def call(action: Any) -> int:
        action()
        return threads

    return call


def nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("threads", "narrow", "small", "expected"),
    [
        (4, True, False, 4),
        (4, True, True, 1),
        (4, False, True, 4),  # a graph whose weights are large
        (1, True, True, 1),
    ],
)
def test_small_image_takes_one_thread(threads: int, narrow: bool, small: bool, expected: int) -> None:
    assert Sessions(open_session, threads, narrow=narrow)(nothing, small=small) == expected


def test_large_image_takes_one_thread_while_others_keep_the_rest_busy() -> None:
    sessions, go_on = Sessions(open_session, 2, narrow=True), threading.Event()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(sessions, go_on.wait, small=False)
        while not sessions._running:
            time.sleep(0.001)
        assert sessions(nothing, small=False) == 1
        assert sessions.alone(nothing, small=False) == 2
        go_on.set()
        assert first.result() == 2
    assert sessions(nothing, small=False) == 2


def test_first_call_reaches_all_sessions_and_returns_after_them() -> None:
    reached: list[str] = []

    def slowly() -> None:
        time.sleep(0.1)
        reached.append(threading.current_thread().name)

    assert Sessions(open_session, 2, narrow=True).first([nothing], [slowly]) == 2
    assert reached == ["narrow_0"]
    assert Sessions(open_session, 2, narrow=False).first([nothing], [slowly]) == 2
    assert reached == ["narrow_0"]


def test_error_ends_the_call_only() -> None:
    def fail() -> None:
        raise RuntimeError("session")

    sessions = Sessions(open_session, 2, narrow=True)
    for small in (False, True, False, True):
        with pytest.raises(RuntimeError, match="session"):
            sessions(fail, small=small)
    assert sessions(nothing, small=False) == 2


@pytest.mark.parametrize(
    "precision",
    [
        "float32",
        pytest.param("int8", marks=pytest.mark.skipif(not computes_int8(), reason="this CPU does not compute int8")),
    ],
)
def test_labels_do_not_depend_on_the_number_of_threads(precision: Precision) -> None:
    engine = Engine(read_graph(MOBILE), EngineOptions(threads=2, precision=precision))
    image = np.asarray(Image.open(CHELSEA))
    alone = engine.run(image)
    with ThreadPoolExecutor(4) as pool:
        for labels in pool.map(engine.run, [image] * 8):
            assert np.array_equal(labels, alone)


@cache
def engine_of(canvas: Canvas) -> Engine:
    """Return an engine of two threads."""
    return Engine(read_graph(MOBILE), EngineOptions(threads=2, canvas=canvas))


@pytest.mark.parametrize(
    ("canvas", "shape", "small"),
    [("fit", (96, 129), True), ("fit", (129, 129), False), ("fit", (384, 513), False), ("fixed", (96, 129), False)],
)
def test_engine_takes_an_image_for_small_by_the_area_of_its_canvas(
    canvas: Canvas, shape: tuple[int, int], small: bool
) -> None:
    assert engine_of(canvas)._is_small(np.zeros((*shape, 3), np.uint8)) == small
