"""ModelWrapper.segment() and its queue: decoding by a worker, a full queue and a disconnected client."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import ClientGone, InvalidImage, QueueFull
from core.runtime.queue import RequestQueue
from tests.support.fake_engine import NEVER, FakeEngine, blocked, loaded_model, wait_until_waiting
from tests.support.paths import CHELSEA

CAT = CHELSEA.read_bytes()


def test_segment_decodes_the_image_when_a_worker_takes_the_request(engine: FakeEngine, decodings: list[str]) -> None:
    queue = RequestQueue(1, 2, NEVER)
    model = loaded_model(queue)
    with ThreadPoolExecutor(1, thread_name_prefix="client") as client:
        with blocked(queue):
            result = client.submit(model.segment, CAT, None)
            wait_until_waiting(queue, 1)
            assert decodings == []
        assert result.result().width_height == (64, 42)
    [thread] = decodings
    assert thread.startswith("engine")


def test_segment_of_bad_image_waits_for_a_worker(engine: FakeEngine, decodings: list[str]) -> None:
    queue = RequestQueue(1, 2, NEVER)
    model = loaded_model(queue)
    with ThreadPoolExecutor(1, thread_name_prefix="client") as client:
        with blocked(queue):
            result = client.submit(model.segment, b"no image", None)
            wait_until_waiting(queue, 1)
        with pytest.raises(InvalidImage):
            result.result()
    [thread] = decodings
    assert thread.startswith("engine")


def test_segment_when_queue_is_full_raises_queue_full_without_decoding(
    engine: FakeEngine, decodings: list[str]
) -> None:
    queue = RequestQueue(1, 1, NEVER)
    model = loaded_model(queue)
    with ThreadPoolExecutor(1) as client, blocked(queue):
        client.submit(queue.run, int)
        wait_until_waiting(queue, 1)
        with pytest.raises(QueueFull):
            model.segment(CAT, None)
    assert decodings == []


def test_segment_for_disconnected_client_raises_client_gone_without_decoding(
    engine: FakeEngine, decodings: list[str]
) -> None:
    model = loaded_model()
    with pytest.raises(ClientGone):
        model.segment(CAT, None, is_connected=lambda: False)
    assert decodings == []
