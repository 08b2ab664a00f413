"""The Helm chart has the same objects as the kustomizations, from its folder and from a package."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import helm_python
import pytest
import yaml

from segmenter import __version__
from tests.support.chart import ALL, CHART, KUSTOMIZATIONS, by_name, object_of, pod_of, render_chart
from tests.support.manifests import FOLDERS, KSERVE, KUBERNETES, VERSIONS, Manifest, rendered, validate


def as_in_chart(manifest: Manifest, release: str) -> Manifest:
    """Return an object of a kustomization with the differences that the chart has on purpose, and no others."""
    text = re.sub(r'("app.kubernetes.io/instance": )"(mobile|full)"', rf'\1"{release}"', json.dumps(manifest))
    text = text.replace('"app.kubernetes.io/managed-by": "kustomize"', '"app.kubernetes.io/managed-by": "Helm"')
    # A change of the settings changes the name of the ConfigMap here, and an annotation of the pods there.
    text = re.sub(r'"segmenter-settings(-full)?-[a-z0-9]{10}"', f'"{release}-settings"', text)
    changed: Manifest = json.loads(text)
    changed["metadata"]["labels"]["helm.sh/chart"] = f"segmenter-{__version__}"
    if changed["kind"] == "Deployment":
        changed["spec"]["template"]["metadata"]["annotations"] = {"checksum/settings": ANY}
    if changed["kind"] == "ServiceMonitor":
        changed["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"] = release
    return changed


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != KSERVE])
def test_chart_equals_kustomization(folder: str) -> None:
    release = "segmenter-full" if folder == "overlays/full" else "segmenter"
    expected = [as_in_chart(manifest, release) for manifest in rendered(folder)]
    assert by_name(render_chart(KUSTOMIZATIONS[folder], release)) == by_name(expected)


def test_template_has_the_kind_of_the_file_of_its_name_in_kubernetes() -> None:
    there = {file.name: kinds_in(file) for folder in KUSTOMIZATIONS for file in (KUBERNETES / folder).glob("*.yaml")}
    del there["kustomization.yaml"]
    here = {file.name: kinds_in(file) for file in CHART.glob("templates/*.yaml")}
    assert there.items() <= here.items()
    # kustomize generates the first two, and has no account.
    assert set(here) - set(there) == {"settings.yaml", "dashboard.yaml", "serviceaccount.yaml"}
    assert {len(kinds) for kinds in here.values()} == {1}


def kinds_in(file: Path) -> list[str]:
    """Return the kinds of the objects in a file or template."""
    return re.findall("^kind: (.*)$", file.read_text(), re.MULTILINE)


@pytest.mark.parametrize("version", VERSIONS)
def test_chart_with_all_parts_is_valid_for_kubernetes(version: str) -> None:
    manifests = render_chart(ALL | {"ingress": {"tlsSecret": "certificate"}, "resources": {"cpu": 4}})
    assert {"Deployment", "Ingress", "HTTPRoute", "ScaledObject", "ServiceMonitor", "PrometheusRule"} <= {
        m["kind"] for m in manifests
    }
    for manifest in manifests:
        validate(manifest, version)


def test_objects_have_the_same_labels_and_the_namespace_of_the_release() -> None:
    manifests = render_chart(ALL)
    labels = object_of("Deployment")["metadata"]["labels"]
    assert all(labels.items() <= m["metadata"]["labels"].items() for m in manifests)
    assert {m["metadata"]["namespace"] for m in manifests} == {"segmenter"}


def test_chart_passes_strict_lint() -> None:
    report = helm_python.lint(CHART, ALL, strict=True)
    assert report["errors"] == []
    assert [message["error"] for message in report["messages"]] == ["icon is recommended"]


def test_packaged_chart_renders_the_same(tmp_path: Path) -> None:
    archive = helm_python.package(CHART, destination=tmp_path)
    assert Path(archive).name == f"segmenter-{__version__}.tgz"
    assert render_chart(ALL, chart=Path(archive)) == render_chart(ALL)


def test_chart_has_no_links_except_to_files_that_compose_reads_too() -> None:
    # `helm package` copies them.
    assert {file.name for file in CHART.rglob("*") if file.is_symlink()} == {"dashboard.json", "alerts.yaml"}


def test_versions_of_chart_are_version_of_service() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert chart["kubeVersion"] == f">={VERSIONS[0]}.0-0"


def test_two_releases_select_their_own_pods() -> None:
    releases = [render_chart(ALL, name) for name in ("mobile", "segmenter-full")]
    names = [{m["metadata"]["name"] for m in manifests if m["kind"] != "ConfigMap"} for manifests in releases]
    assert names == [{"mobile-segmenter"}, {"segmenter-full"}]
    for manifests, instance in zip(releases, ("mobile", "segmenter-full"), strict=True):
        for selector in selectors(manifests):
            assert selector == {"app.kubernetes.io/name": "segmenter", "app.kubernetes.io/instance": instance}


def selectors(manifests: list[Manifest]) -> Iterator[dict[str, str]]:
    """Yield the labels that each object selects."""
    specs = {m["kind"]: m["spec"] for m in manifests if "spec" in m}
    yield specs["Service"]["selector"]
    yield specs["NetworkPolicy"]["podSelector"]["matchLabels"]
    for kind in ("Deployment", "PodDisruptionBudget", "ServiceMonitor"):
        yield specs[kind]["selector"]["matchLabels"]
    [spread] = specs["Deployment"]["template"]["spec"]["topologySpreadConstraints"]
    yield spread["labelSelector"]["matchLabels"]


def test_request_timeout_sets_the_timeouts_around_it() -> None:
    values = {"settings": {"REQUEST_TIMEOUT": 59.5, "MAX_UPLOAD_MB": 100}} | ALL
    assert pod_of(values)["terminationGracePeriodSeconds"] == 10 + 2 * 60 + 5
    assert object_of("HTTPRoute", values)["spec"]["rules"][0]["timeouts"] == {"request": "70s"}
    assert object_of("Ingress", values)["metadata"]["annotations"] == {
        "nginx.ingress.kubernetes.io/proxy-body-size": "100m",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "70",
        "nginx.org/client-max-body-size": "100m",
        "nginx.org/proxy-read-timeout": "70s",
    }


def test_changed_setting_changes_the_pods() -> None:
    default, changed = (
        object_of("Deployment", {"settings": {"IMAGE_SIZE": size}})["spec"]["template"] for size in (513, 333)
    )
    assert default == object_of("Deployment")["spec"]["template"]
    assert default != changed
