"""The Helm chart as a part of a larger chart, as its README describes."""

from pathlib import Path

import helm_python
import pytest
import yaml

from segmenter import __version__
from tests.support.chart import CHART, README, by_name, object_of, render_chart


@pytest.fixture
def larger_chart(tmp_path: Path) -> Path:
    """A chart with the dependency of the README, and with a second one that has an alias."""
    [part] = yaml.safe_load(README.split("```yaml\n")[1].split("```")[0])["dependencies"]
    assert part["version"] == __version__
    second = part | {"alias": "photos", "condition": "photos.enabled"}
    chart = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": [part, second]}
    values = {"global": {"region": "eu"}, "segmenter": {"enabled": True}, "photos": {"enabled": False}}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    helm_python.package(CHART, destination=tmp_path / "charts")
    return tmp_path


def test_enabled_part_has_the_objects_of_the_chart(larger_chart: Path) -> None:
    manifests = render_chart(chart=larger_chart)
    assert by_name(manifests) == by_name(render_chart())


def test_part_that_is_not_enabled_has_no_objects(larger_chart: Path) -> None:
    assert render_chart({"segmenter": {"enabled": False}}, chart=larger_chart) == []


def test_two_parts_with_different_names_share_nothing(larger_chart: Path) -> None:
    manifests = render_chart({"photos": {"enabled": True}}, "shop", larger_chart)
    assert len(by_name(manifests)) == 2 * len(render_chart())
    services = [m for m in manifests if m["kind"] == "Service"]
    assert {m["metadata"]["name"] for m in services} == {"shop-segmenter", "shop-photos"}
    assert {m["spec"]["selector"]["app.kubernetes.io/name"] for m in services} == {"segmenter", "photos"}


def test_values_of_part_are_below_its_name(larger_chart: Path) -> None:
    [ingress] = [
        m for m in render_chart({"segmenter": {"host": "a.example"}}, chart=larger_chart) if m["kind"] == "Ingress"
    ]
    assert ingress == object_of("Ingress", {"host": "a.example"})


def test_wrong_value_of_part_is_rejected_with_its_name(larger_chart: Path) -> None:
    with pytest.raises(helm_python.HelmValuesError, match="IMAGE_SIZES"):
        render_chart({"segmenter": {"settings": {"IMAGE_SIZES": 333}}}, chart=larger_chart)
