"""The job: its settings of a worker's model, and the properties that a resumed run must share."""

import math
from dataclasses import replace
from pathlib import Path

from commands.batch.job import IN_TRANSIT, Job
from config import Settings
from core.types import Options
from core.weights.registry import Weights

WEIGHTS = Weights("own", "unknown", Path("graph.pb"), sha256="1")
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


def test_identity_of_job_with_another_input_differs() -> None:
    other = replace(JOB, source="file:///other")
    assert dict(other.identity(WEIGHTS).items() - JOB.identity(WEIGHTS).items()) == {"INPUT": "file:///other"}


def test_identity_of_job_with_other_threads_or_target_is_equal() -> None:
    other = replace(JOB, threads=1, target="s3://bucket/out", settings=Settings(threads=1, log_format="json"))
    assert other.identity(WEIGHTS) == JOB.identity(WEIGHTS)
