"""The counts and the errors of a batch run."""

from commands.batch.summary import MAX_ERRORS, Outcome, Summary


def test_summary_counts_the_photos_of_each_outcome() -> None:
    summary = Summary(photos=10, skipped=2)
    assert str(summary).startswith("0 done, 2 skipped, 0 broken, 8 left in ")
    summary.add(Outcome(done=3, broken=["b.jpg: damaged"], transient_errors=["a.jpg: OSError"]))
    summary.add(Outcome(done=2, broken=[], transient_errors=[]))
    assert str(summary).startswith("5 done, 2 skipped, 1 broken, 2 left in ")
    assert not str(summary).endswith(" images per second")  # of a moment
    assert summary.errors == ["b.jpg: damaged", "a.jpg: OSError"]
    assert summary.without_result == 3


def test_summary_keeps_only_the_first_errors() -> None:
    summary = Summary(photos=100, skipped=0)
    for number in range(0, 100, 4):
        summary.add(Outcome(0, [], [f"{number + offset}.jpg: OSError" for offset in range(4)]))
    assert summary.errors == [f"{number}.jpg: OSError" for number in range(MAX_ERRORS)]


def test_summary_of_many_photos_has_their_rate() -> None:
    summary = Summary(photos=31, skipped=0, steps=[(0.0, 1), (0.0, 1)])
    summary.done = 30
    summary.add(Outcome(done=1, broken=[], transient_errors=[]))
    assert str(summary).endswith(" images per second")
