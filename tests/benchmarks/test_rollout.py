"""Short runs of benchmarks.rollout behind a real HAProxy."""

import pytest

from benchmarks.rollout.haproxy import installed
from benchmarks.rollout.manifests import Rollout
from benchmarks.rollout.scenarios import kill_replica, rolling_update

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not installed(), reason="haproxy is not installed; on Debian: apt-get install haproxy"),
]


def test_rolling_update_of_one_of_two_replicas_loses_no_request() -> None:
    count = rolling_update(Rollout.read(), replicas=2, replaced=1)
    assert count.lost == []
    assert count.answered > 0
    assert count.answered + count.rejected == count.sent


def test_kill_of_one_of_two_replicas_loses_only_its_pending_requests() -> None:
    killed = kill_replica(Rollout.read(), replicas=2)
    assert killed.held
    assert set(killed.count.lost) <= set(killed.held)
    assert killed.count.answered > 0
