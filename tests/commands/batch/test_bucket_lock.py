"""The lock of a bucket: a second run is refused, and a run that was killed does not hold it for ever."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import orjson
import pyarrow as pa
import pytest

from commands.batch import bucket_lock
from commands.batch.bucket_lock import BucketLock, only_run_in_bucket
from commands.batch.manifest import Manifest
from commands.batch.parts import SCHEMA
from commands.batch.storage import Storage
from commands.shared.lock import FILE, this_process
from core.errors import SegmenterError
from tests.commands.batch.runs import BATCH, started
from tests.support.paths import CHELSEA
from tests.support.service import wait_for

OTHER = {
    "run": "other",
    "owner": "process 7 on host elsewhere",
    "machine": "another",
    "pid": 7,
    "began": "1",
    "signs": 0,
}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """A bucket in memory; runs give a sign of life every 20 ms, and are silent after 200 ms."""
    for name, seconds in {"SIGN": 0.02, "SILENCE": 0.2, "LOOK": 0.01}.items():
        monkeypatch.setattr(bucket_lock, name, seconds)
    return Storage(f"memory://{tmp_path.name}/out")


def content(bucket: Storage) -> dict[str, object]:
    with bucket.open(FILE) as file:
        found: dict[str, object] = orjson.loads(file.read())
    return found


def test_second_run_in_bucket_is_refused_with_process_and_host_and_allowed_after_the_first(bucket: Storage) -> None:
    with only_run_in_bucket(bucket):
        with pytest.raises(SegmenterError) as caught, only_run_in_bucket(bucket):
            pass
        assert str(caught.value).startswith(f"{bucket.url} is in use by {this_process()}; wait")
    assert bucket.version(FILE) is None
    with only_run_in_bucket(bucket):
        pass


def test_lock_of_a_process_of_this_machine_that_has_ended_is_taken_at_once(
    bucket: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_lock, "SILENCE", 1e9)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        lock = BucketLock(bucket)
        lock._mine |= bucket_lock.life(ended.pid)
        lock.take()
    with only_run_in_bucket(bucket) as check:
        check()


@pytest.mark.parametrize("left", [orjson.dumps(OTHER), b"", b"[]", b"not JSON"])
def test_lock_without_a_sign_of_life_is_taken_after_the_silence(left: bytes, bucket: Storage) -> None:
    bucket.write(FILE, left)
    with only_run_in_bucket(bucket) as check:
        check()
        assert content(bucket)["owner"] == this_process()


@pytest.fixture
def living(bucket: Storage) -> Iterator[None]:
    """A run on another machine that has the bucket."""
    ended = Event()

    def live() -> None:
        signs = 0
        while not ended.wait(bucket_lock.SIGN):
            signs += 1
            bucket.write(FILE, orjson.dumps(OTHER | {"signs": signs}))

    bucket.write(FILE, orjson.dumps(OTHER))
    thread = Thread(target=live)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.usefixtures("living")
def test_lock_of_a_run_on_another_machine_that_lives_is_not_taken(bucket: Storage) -> None:
    with pytest.raises(SegmenterError, match="in use by process 7 on host elsewhere"), only_run_in_bucket(bucket):
        pass


def test_run_whose_bucket_was_taken_writes_no_row_and_leaves_the_lock(bucket: Storage) -> None:
    def run() -> None:
        with only_run_in_bucket(bucket) as check, Manifest(bucket, {}, check) as manifest:
            manifest.add(pa.Table.from_pylist([{"path": "a.jpg"}], SCHEMA))
            bucket.write(FILE, orjson.dumps(OTHER))
            wait_for(lambda: _raises(check))

    with pytest.raises(SegmenterError, match="was taken by process 7 on host elsewhere"):
        run()
    assert bucket.files("manifest", ".parquet") == []
    assert content(bucket) == OTHER


def _raises(check: object) -> bool:
    assert callable(check)
    try:
        check()
    except SegmenterError:
        return True
    return False


def test_second_batch_to_one_bucket_is_refused_while_the_first_runs(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(200):
        (tmp_path / "in" / f"{number}.jpg").symlink_to(CHELSEA)
    bucket = f"dir::file://{tmp_path}/out"  # a file system of fsspec that is not this machine's
    with started("in", bucket, cwd=tmp_path, environment=environment) as first:
        wait_for(lambda: bool(list(tmp_path.rglob(FILE))))
        command = [*BATCH, "in", bucket]
        second = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert f"out is in use by process {first.pid} on host " in second.stderr
