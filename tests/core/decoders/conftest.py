"""Fixtures of the pools of decoder processes."""

import pytest

from core.types import DecoderLoss
from tests.support.observer import Recorder


@pytest.fixture
def recorder() -> Recorder:
    """The observer of the pools."""
    return Recorder()


@pytest.fixture
def losses(recorder: Recorder) -> list[DecoderLoss]:
    """The causes of the lost decoder processes."""
    return recorder.losses
