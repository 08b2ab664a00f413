"""The script that writes a graph of a few classes."""

from pathlib import Path

import pytest

from assets import small_graph
from core.graph.frozen_graph import read_graph
from core.weights.registry import custom_weights


def test_graph_of_three_classes_is_a_valid_custom_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, labels = tmp_path / "pets.pb", tmp_path / "pets.txt"
    small_graph.main(str(graph), "background", "cat", "Dog")
    assert read_graph(graph).num_classes == 3
    assert custom_weights(graph, labels).labels == ("background", "cat", "Dog")
    assert capsys.readouterr().out == f"MODEL_PATH={graph} MODEL_LABELS={labels} make run\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("background", "unicorn"), "'unicorn' is not a class"),
        (("cat", "background"), "cat, background can't be used; give each class once, background first"),
        (("background", "tv", "tvmonitor"), "background, tv, tvmonitor can't be used"),
    ],
)
def test_wrong_classes_end_with_one_line_and_write_nothing(
    names: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=message):
        small_graph.main(str(tmp_path / "graph.pb"), *names)
    assert not [*tmp_path.iterdir()]
