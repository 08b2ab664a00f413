"""The README of the Helm chart has the values, with the comments of values.yaml, and the kustomizations."""

import json
import re
from typing import Any

from segmenter import __version__
from tests.support.chart import KUSTOMIZATIONS, README, comments_of_values, leaves, values_of_chart
from tests.support.manifests import KSERVE

# A longer default would make the table too wide.
WIDTH = 60


def test_each_value_has_one_comment() -> None:
    comments = comments_of_values()
    for path, _ in leaves(values_of_chart()):
        # The settings have one comment for all of them.
        above = [name for name in comments if f"{path}.".startswith(f"{name}.")]
        assert len(above) == 1, path


def test_table_has_values_with_defaults_and_comments() -> None:
    rows = []
    for path, comment in comments_of_values().items():
        value: Any = values_of_chart()
        for name in path.split("."):
            value = value[name]
        default = json.dumps(value)
        rows.append(f"| `{path}` | {f'`{default}`' if len(default) < WIDTH else 'see values.yaml'} | {comment} |")
    [table] = re.findall(r"\| value \| default \| meaning \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)+)", README)
    assert table.splitlines() == rows


def test_table_has_every_kustomization() -> None:
    assert re.findall(r"^\| `((?:base|overlays/)\S*)` \|", README, re.MULTILINE) == [*sorted(KUSTOMIZATIONS), KSERVE]
    assert f"image.tag={__version__}-full" in README
