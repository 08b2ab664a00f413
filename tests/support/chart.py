"""The Helm chart of deploy/, rendered by Helm's own engine."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import helm_python
import yaml

from segmenter import __version__
from tests.support.manifests import DEPLOY, Manifest

CHART = DEPLOY / "helm"
README = (CHART / "README.md").read_text()
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
# The values with which the chart has each of its objects, except the HorizontalPodAutoscaler.
ALL: dict[str, Any] = {part: {"enabled": True} for part in ("monitoring", "gateway", "keda")}
ALL["serviceAccount"] = {"create": True}
DIGEST = "sha256:" + "0123456789abcdef" * 4


class UniqueKeys(yaml.SafeLoader):
    """A loader that rejects a key that a mapping has twice; YAML forbids it, and PyYAML takes the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.constructor.ConstructorError(None, None, f"a key of {keys} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def render_chart(values: dict[str, Any] | None = None, name: str = "segmenter", chart: Path = CHART) -> list[Manifest]:
    """Return the objects that `helm install NAME` would send, into the namespace segmenter.

    Raises helm_python.HelmValuesError or HelmRenderError if Helm would reject `values`, for example by their schema.
    """
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name=name, namespace="segmenter")
    documents = (document for text in files.values() for document in yaml.load_all(text, UniqueKeys))
    return [manifest for manifest in documents if manifest]


def object_of(kind: str, values: dict[str, Any] | None = None) -> Manifest:
    """Return the chart's only object of `kind`. Raises ValueError if there are none or several."""
    [found] = [manifest for manifest in render_chart(values) if manifest["kind"] == kind]
    return found


def pod_of(values: dict[str, Any] | None = None) -> Manifest:
    """Return the specification of the chart's pods."""
    specification: Manifest = object_of("Deployment", values)["spec"]["template"]["spec"]
    return specification


def by_name(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Return objects by their kind and name, which must differ."""
    named = {f"{manifest['kind']} {manifest['metadata']['name']}": manifest for manifest in manifests}
    assert len(named) == len(manifests)
    return named


def values_of_chart() -> dict[str, Any]:
    """Return the chart's default values."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def comments_of_values() -> dict[str, str]:
    """Return the comment above each value of values.yaml that has one, by the value's path, such as image.tag."""
    comments, path, above = {}, [""], [""]
    for line in (CHART / "values.yaml").read_text().splitlines():
        if comment := re.fullmatch(r" *# (.*)", line):
            above.append(comment[1])
            continue
        if key := re.match(r"( *)(\w+):", line):
            path = [*path[: len(key[1]) // 2], key[2]]
            comments[".".join(path)] = " ".join(above)
        above = []
    return {name: comment for name, comment in comments.items() if comment}


def leaves(values: dict[str, Any], *path: str) -> Iterator[tuple[str, Any]]:
    """Yield the path, such as image.tag, and the value of each leaf; an empty dict is one."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, *path, name)
        else:
            yield ".".join([*path, name]), value


def with_value(values: dict[str, Any], path: str | Sequence[str], value: Any) -> dict[str, Any]:
    """Return `values` with another value at `path`, such as image.tag."""
    name, *rest = path.split(".") if isinstance(path, str) else path
    return values | {name: with_value(values.get(name, {}), rest, value) if rest else value}
