"""Short runs of benchmarks.rollout behind a real HAProxy."""

import pytest

from benchmarks.rollout.haproxy import installed
from benchmarks.rollout.manifests import Rollout
from benchmarks.rollout.scenarios import kill_replica, rolling_update

pytestmark = pytest.mark.skipif(not installed(), reason="there is no haproxy; on Debian: apt-get install haproxy")


def test_a_replica_is_replaced_and_no_request_is_lost() -> None:
    count = rolling_update(Rollout.read(), replicas=2, replaced=1)
    assert count.lost == []
    assert count.answered > 50
    assert count.answered + count.refused == count.sent


def test_a_killed_replica_loses_what_it_held() -> None:
    killed = kill_replica(Rollout.read(), replicas=2)
    assert killed.held
    assert set(killed.count.lost) <= set(killed.held)
    assert killed.count.answered > 50
