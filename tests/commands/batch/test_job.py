"""The job: its settings of a worker's model, and the properties that a resumed run must share."""

import math
from dataclasses import replace

import pytest

from commands.batch.job import IN_TRANSIT, Job
from config import Settings
from core.types import Options

JOB = Job(
    source="file:///in",
    target="file:///out",
    output="mask",
    options=Options(classes=(8, 15)),
    threads=4,
    settings=Settings(threads=16),
)


def test_calls_are_concurrency_of_job_threads_and_photos_in_transit() -> None:
    assert JOB.calls == Settings(threads=4).concurrency + IN_TRANSIT


def test_model_settings_have_threads_of_job_and_queue_for_all_calls() -> None:
    settings = JOB.model_settings()
    assert (settings.threads, settings.queue_size) == (4, JOB.calls)
    # The queue has no clients that wait, so that no photo may run into a deadline.
    assert settings.request_timeout == math.inf


@pytest.mark.parametrize(
    ("changed", "name", "value"),
    [
        (replace(JOB, source="file:///other"), "INPUT", "file:///other"),
        (replace(JOB, output="overlay"), "--output", "overlay"),
        (replace(JOB, options=Options("original", classes=(8, 15))), "--size", "original"),
        (replace(JOB, options=Options()), "--classes", ""),
        (replace(JOB, options=Options(classes=(8, 15), edges="photo")), "--edges", "photo"),
        (replace(JOB, options=Options(classes=(8, 15), min_score=0.5)), "--min-score", "0.5"),
        (replace(JOB, details=(("crop", True),)), "the options of --output", "--crop True"),
        (replace(JOB, settings=Settings(image_size=257)), "IMAGE_SIZE", "257"),
        (replace(JOB, settings=Settings(canvas="fixed")), "CANVAS", "fixed"),
        (replace(JOB, settings=Settings(precision="bfloat16")), "PRECISION", "bfloat16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_identity_of_job_with_other_results_differs(changed: Job, name: str, value: str) -> None:
    assert dict(changed.identity("1").items() - JOB.identity("1").items()) == {name: value}


def test_identity_of_job_with_another_graph_differs() -> None:
    assert dict(JOB.identity("2").items() - JOB.identity("1").items()) == {"the graph's sha256": "2"}


def test_identity_of_job_with_other_threads_or_target_is_equal() -> None:
    other = replace(JOB, threads=1, target="s3://bucket/out", settings=Settings(threads=1, log_format="json"))
    assert other.identity("1") == JOB.identity("1")
