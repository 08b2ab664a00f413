"""The files of deploy/ agree with each other."""

import dataclasses
import json
import re

import pytest
import yaml
from flask import Flask

from config import Settings
from integrations.label_studio.settings import Settings as BackendSettings
from segmenter import __version__
from tests.support.application import route
from tests.support.manifests import (
    DEPLOY,
    FOLDERS,
    KSERVE,
    KSERVE_FIELDS,
    compose,
    container,
    find,
    pod,
    queue_trigger,
    rendered,
)
from tests.support.paths import ROOT

# The version of Label Studio that the tests of integrations/ run.
PINS = ROOT / "tests" / "integrations" / "label_studio" / "requirements.txt"


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != KSERVE])
def test_selectors_match_only_pods_of_their_model(folder: str) -> None:
    labels = find("Deployment", folder)["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/instance"] == ("full" if folder == "overlays/full" else "mobile")
    [spread] = pod(folder)["topologySpreadConstraints"]
    selectors = [
        find("Deployment", folder)["spec"]["selector"]["matchLabels"],
        find("Service", folder)["spec"]["selector"],
        find("PodDisruptionBudget", folder)["spec"]["selector"]["matchLabels"],
        find("NetworkPolicy", folder)["spec"]["podSelector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
    ]
    # Labels that a release changes are not in selectors: they can't be changed.
    assert selectors == [{name: labels[name] for name in ("app.kubernetes.io/name", "app.kubernetes.io/instance")}] * 5


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != KSERVE])
def test_objects_have_recommended_labels(folder: str) -> None:
    for manifest in rendered(folder):
        labels = {name: value for name, value in manifest["metadata"]["labels"].items() if "kubernetes.io" in name}
        assert labels == {
            "app.kubernetes.io/name": "segmenter",
            "app.kubernetes.io/instance": "full" if folder == "overlays/full" else "mobile",
            "app.kubernetes.io/version": __version__,
            "app.kubernetes.io/component": "server",
            "app.kubernetes.io/part-of": "segmenter",
            "app.kubernetes.io/managed-by": "kustomize",
        }, manifest["kind"]


@pytest.mark.parametrize("folder", ["base", "overlays/full"])
def test_autoscaler_scales_the_deployment(folder: str) -> None:
    target = find("HorizontalPodAutoscaler", folder)["spec"]["scaleTargetRef"]
    assert target["name"] == find("Deployment", folder)["metadata"]["name"]


def test_keda_scales_the_deployment_like_the_autoscaler_of_base() -> None:
    scaled, scaler = find("ScaledObject", "overlays/queue-depth")["spec"], find("HorizontalPodAutoscaler")["spec"]
    assert scaled["scaleTargetRef"] == scaler["scaleTargetRef"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (scaler["minReplicas"], scaler["maxReplicas"])
    assert scaled["advanced"]["horizontalPodAutoscalerConfig"] == {"behavior": scaler["behavior"]}
    # KEDA rejects a deployment that has an autoscaler already.
    assert "HorizontalPodAutoscaler" not in {manifest["kind"] for manifest in rendered("overlays/queue-depth")}


def test_query_of_keda_selects_the_pods_of_the_service() -> None:
    metadata = find("Service", "overlays/queue-depth")["metadata"]
    assert f'{{namespace="{metadata["namespace"]}",job="{metadata["name"]}"}}' in queue_trigger()["query"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_container_reads_config_map_of_its_folder(folder: str) -> None:
    [source] = container(folder)["envFrom"]
    names = {manifest["metadata"]["name"] for manifest in rendered(folder) if manifest["kind"] == "ConfigMap"}
    assert source["configMapRef"]["name"] in names


def test_kserve_pod_equals_pod_of_base() -> None:
    expected = {name: value for name, value in pod().items() if name != "topologySpreadConstraints"}
    protocol = {"name": "PROTOCOL", "value": "v2"}
    expected["containers"] = [container() | {"name": "kserve-container", "env": [*container()["env"], protocol]}]
    assert pod(KSERVE) == expected


def test_kserve_address_is_a_route_that_segments(app: Flask) -> None:
    name = find("InferenceService", KSERVE)["metadata"]["name"]
    assert route(app, "POST", f"/v2/models/{name}/infer").segments


def test_kserve_updates_and_scales_like_base() -> None:
    predictor = find("InferenceService", KSERVE)["spec"]["predictor"]
    scaler = find("HorizontalPodAutoscaler")["spec"]
    [metric] = scaler["metrics"]
    assert {name: predictor[name] for name in KSERVE_FIELDS} == {
        "minReplicas": scaler["minReplicas"],
        "maxReplicas": scaler["maxReplicas"],
        "scaleMetric": metric["resource"]["name"],
        "scaleTarget": metric["resource"]["target"]["averageUtilization"],
        "deploymentStrategy": find("Deployment")["spec"]["strategy"],
    }


@pytest.mark.parametrize("folder", ["overlays/monitoring", "overlays/full"])
def test_service_monitor_selects_service(folder: str) -> None:
    monitor = find("ServiceMonitor", "overlays/monitoring")["spec"]
    service = find("Service", folder)
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in monitor["endpoints"]] == [service["spec"]["ports"][0]["name"]]


def test_prometheus_of_compose_scrapes_the_service() -> None:
    [job] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    assert target == f"segmenter:{Settings().port}"
    assert target.split(":")[0] in compose()["services"]


def test_prometheus_of_compose_and_operator_have_the_alerts() -> None:
    rules = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    assert find("PrometheusRule", "overlays/monitoring")["spec"] == rules
    assert yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["rule_files"] == ["alerts.yaml"]
    assert "./alerts.yaml:/etc/prometheus/alerts.yaml:ro" in compose()["services"]["prometheus"]["volumes"]


def test_grafana_of_compose_reads_prometheus_and_loads_the_dashboard() -> None:
    services = compose()["services"]
    [source] = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"].startswith("http://prometheus:")
    assert "prometheus" in services
    [provider] = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/segmenter.yaml").read_text())["providers"]
    mounts = {path: host for host, path, _ in (v.split(":") for v in services["grafana"]["volumes"] if v[0] == ".")}
    assert mounts[f"{provider['options']['path']}/segmenter.json"] == "./grafana/dashboard.json"
    for host in mounts.values():
        assert (DEPLOY / host).exists()


def test_grafana_config_map_holds_the_dashboard() -> None:
    data = find("ConfigMap", "../grafana")["data"]
    assert json.loads(data["dashboard.json"])["title"] == "Segmenter"


def test_compose_file_of_label_studio_connects_its_services() -> None:
    services = compose("compose.label-studio.yaml")["services"]
    environment, label_studio = services["backend"]["environment"], services["label-studio"]["environment"]
    assert environment["SEGMENTER_URL"] == f"http://segmenter:{Settings().port}"
    [port] = services["label-studio"]["ports"]
    assert environment["LABEL_STUDIO_URL"] == f"http://label-studio:{str(port).rpartition(':')[2]}"
    assert environment["LABEL_STUDIO_API_KEY"] == label_studio["LABEL_STUDIO_USER_TOKEN"]
    assert services["segmenter"]["image"] == compose()["services"]["segmenter"]["image"]
    fields = {field.name.upper() for field in dataclasses.fields(BackendSettings)}
    assert set(environment) <= fields
    [pin] = re.findall(r"^label-studio==(.*)", PINS.read_text(), re.MULTILINE)
    assert services["label-studio"]["image"] == f"heartexlabs/label-studio:{pin}"
