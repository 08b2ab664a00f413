"""`cli.py batch` on a Ray cluster of several nodes, one of which is killed."""

from pathlib import Path

import pytest

from tests.commands.batch.runs import files, finish, manifest, started
from tests.support.paths import ASTRONAUT, CHELSEA
from tests.support.ray_cluster import simulated_cluster
from tests.support.service import wait_for

pytestmark = pytest.mark.slow

NAMES = [f"{number:03}.jpg" for number in range(300)]


def test_batch_on_cluster_loses_no_photo_and_records_none_twice_when_a_node_is_killed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number, name in enumerate(NAMES):
        (photos / name).symlink_to((CHELSEA, ASTRONAUT)[number % 2])
    with simulated_cluster(2, 1, environment) as cluster:
        arguments = [photos, out, "--size", "model", "--ray", cluster.address, "--threads", 1]
        with started(*arguments, cwd=tmp_path, environment=environment) as process:
            _head, *nodes = cluster.nodes()
            wait_for(lambda: all(map(cluster.workers, nodes)) and len(list(out.glob("*.png"))) > 10)
            recorded = manifest(out) if list(out.glob("manifest/*.parquet")) else {}
            cluster.kill(nodes[0])
            kept = {path: version for path, version in files(out).items() if path.name[:7] in recorded}
            output = finish(process)
    assert output.startswith(f"{len(NAMES)} done, 0 skipped, 0 broken, 0 left in ")
    rows = manifest(out)
    assert set(rows) == set(NAMES)
    assert {row["mask"] for row in rows.values()} == {path.name for path in out.glob("*.png")}
    assert len({(out / name).read_bytes() for name in [row["mask"] for row in rows.values()]}) == 2
    assert kept.items() <= files(out).items()
