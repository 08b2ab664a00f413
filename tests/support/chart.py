"""The Helm chart of deploy/, rendered by Helm's own engine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import helm_python
import yaml

from segmenter import __version__
from tests.support.manifests import DEPLOY, Manifest

CHART = DEPLOY / "helm"
# The values with which the chart has the objects of a folder of deploy/kubernetes.
MONITORING = {"monitoring": {"enabled": True}}
KUSTOMIZATIONS: dict[str, dict[str, Any]] = {
    "base": {},
    "overlays/full": {
        "image": {"tag": f"{__version__}-full"},
        "resources": {"memory": "4400M"},
        "host": "segmenter-full.example.com",
    },
    "overlays/monitoring": MONITORING,
    "overlays/queue-depth": {"keda": {"enabled": True}, **MONITORING},
    "overlays/gateway": {"ingress": {"enabled": False}, "gateway": {"enabled": True}},
}


def render_chart(values: dict[str, Any] | None = None, name: str = "segmenter", chart: Path = CHART) -> list[Manifest]:
    """Return the objects that `helm install NAME` would send, into the namespace segmenter.

    Raises helm_python.HelmValuesError or HelmRenderError if Helm would reject `values`, for example by their schema.
    """
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name=name, namespace="segmenter")
    return [manifest for text in files.values() for manifest in yaml.safe_load_all(text) if manifest]


def values_of_chart() -> dict[str, Any]:
    """Return the chart's default values."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def leaves(values: dict[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and the value of each leaf."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, *path, name)
        else:
            yield (*path, name), value


def with_value(values: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return `values` with another value at `path`."""
    name, *rest = path
    return values | {name: with_value(values.get(name, {}), rest, value) if rest else value}
