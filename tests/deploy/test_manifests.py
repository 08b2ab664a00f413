"""What is in deploy/: valid for Kubernetes, Compose and Prometheus, and in line with the service it is for.

kubectl's own kustomize renders the manifests, and they are checked against the schemas of several Kubernetes versions,
which allow no unknown field. Of the two kinds that are not Kubernetes' own no package has a schema: a ServiceMonitor is
held against the few fields that are used here, an InferenceService's pod against Kubernetes' Pod.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import compose_spec
import jsonschema
import kubernetes_validate
import promql_parser
import pytest
import requests
import yaml
from flask import Flask

from api import VERSION
from config import Settings
from tests.support.paths import CHELSEA, ROOT
from tests.support.service import ServiceProcess

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
FOLDERS = ["base", "overlays/full", "overlays/monitoring", "overlays/queue-depth", "overlays/kserve"]
VERSIONS = ["1.34", "1.35", "1.36", "1.37"]
SETTINGS = Settings()

Manifest = dict[str, Any]


@cache
def rendered(folder: str) -> list[Manifest]:
    """Return the objects of a folder of deploy/kubernetes."""
    return render(KUBERNETES / folder)


def render(folder: Path) -> list[Manifest]:
    """Return the objects that `kubectl apply -k` would send."""
    kubectl = Path(sys.executable).with_name("kubectl")
    run = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert not run.stderr, run.stderr
    return list(yaml.safe_load_all(run.stdout))


def the(kind: str, folder: str = "base") -> Manifest:
    """Return the one object of `kind`."""
    [found] = [manifest for manifest in rendered(folder) if manifest["kind"] == kind]
    return found


def pod(folder: str = "base") -> Manifest:
    """Return the pod's specification: the Deployment's, or what KServe is given for its own."""
    if folder == "overlays/kserve":
        predictor: Manifest = the("InferenceService", folder)["spec"]["predictor"]
        return {name: value for name, value in predictor.items() if name not in KSERVE_FIELDS}
    specification: Manifest = the("Deployment", folder)["spec"]["template"]["spec"]
    return specification


def container(folder: str = "base") -> Manifest:
    [only] = pod(folder)["containers"]
    assert isinstance(only, dict)
    return only


def compose() -> Manifest:
    read = compose_spec.PyOptions(apply_merge=True).from_yaml((DEPLOY / "compose.yaml").read_text())
    read.validate()
    return read.to_dict()


# ---- Valid


KSERVE_FIELDS = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "deploymentStrategy"}
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
SERVICE_MONITOR = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "monitoring.coreos.com/v1"},
        "kind": {"const": "ServiceMonitor"},
        "metadata": {
            "type": "object",
            "required": ["name", "namespace"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}, "labels": LABELS},
        },
        "spec": {
            "type": "object",
            "required": ["selector", "endpoints"],
            "additionalProperties": False,
            "properties": {
                "selector": {
                    "type": "object",
                    "required": ["matchLabels"],
                    "additionalProperties": False,
                    "properties": {"matchLabels": LABELS},
                },
                "endpoints": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["port", "path"],
                        "additionalProperties": False,
                        "properties": {
                            "port": {"type": "string"},
                            "path": {"type": "string"},
                            "interval": {"type": "string", "pattern": r"^\d+s$"},
                        },
                    },
                },
            },
        },
    },
}


def check(manifest: Manifest, version: str) -> None:
    """Raise where `manifest` is not one that this version of Kubernetes takes."""
    if manifest["kind"] == "ServiceMonitor":
        jsonschema.validate(manifest, SERVICE_MONITOR)
    elif manifest["kind"] == "InferenceService":
        assert manifest["apiVersion"] == "serving.kserve.io/v1beta1"
        assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
        assert set(manifest["spec"]) == {"predictor"}
        as_pod = {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": pod("overlays/kserve")}
        kubernetes_validate.validate(as_pod, version, strict=True)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_each_version_of_kubernetes_takes_the_manifests(folder: str, version: str) -> None:
    for manifest in rendered(folder):
        check(manifest, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_namespace_is_the_one_that_all_are_in(version: str) -> None:
    namespace = yaml.safe_load((KUBERNETES / "namespace.yaml").read_text())
    check(namespace, version)
    for folder in FOLDERS:
        names = {m["metadata"].get("namespace") for m in rendered(folder)}
        assert names == {namespace["metadata"]["name"]}, folder


def test_no_folder_is_left_out() -> None:
    found = {str(file.parent.relative_to(KUBERNETES)) for file in KUBERNETES.rglob("kustomization.yaml")}
    assert found - {"settings"} == set(FOLDERS)


@pytest.mark.parametrize("kind", ["Deployment", "InferenceService"])
def test_the_check_finds_a_misspelt_field(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "base" if kind == "Deployment" else "overlays/kserve"
    monkeypatch.setitem(container(folder)["readinessProbe"], "perodSeconds", 5)
    with pytest.raises(jsonschema.ValidationError, match="perodSeconds"):
        check(the(kind, folder), VERSIONS[-1])


def test_the_check_finds_a_misspelt_field_of_a_service_monitor() -> None:
    monitor = the("ServiceMonitor", "overlays/monitoring")
    misspelt = monitor | {"spec": monitor["spec"] | {"endpoint": []}}
    with pytest.raises(jsonschema.ValidationError, match="endpoint"):
        check(misspelt, VERSIONS[-1])


def test_the_compose_file_is_one() -> None:
    assert set(compose()["services"]) == {"segmenter", "prometheus", "grafana"}
    misspelt = (DEPLOY / "compose.yaml").read_text().replace("read_only:", "readonly:")
    with pytest.raises(ValueError, match="readonly"):
        compose_spec.PyOptions(apply_merge=True).from_yaml(misspelt)


def test_the_kustomization_of_the_readme_names_the_image(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    [example] = re.findall(r"```yaml\n(.*?)```", (KUBERNETES / "README.md").read_text(), re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(example)
    [deployment] = [m for m in render(tmp_path) if m["kind"] == "Deployment"]
    [only] = deployment["spec"]["template"]["spec"]["containers"]
    assert only["image"] == f"registry.example.com/max-image-segmenter:{VERSION}"


@pytest.mark.parametrize("readme", [DEPLOY / "README.md", KUBERNETES / "README.md"], ids=["deploy", "kubernetes"])
def test_the_readmes_name_files_and_commands_that_are_there(readme: Path) -> None:
    text = readme.read_text()
    for path in re.findall(r"\bdeploy/[\w./-]*\w", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (readme.parent / path).exists(), path
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([\w-]+)", text)) <= targets


# ---- In line with each other


@pytest.mark.parametrize("folder", FOLDERS[:-1])
def test_every_selector_finds_the_pods_of_its_own_model(folder: str) -> None:
    labels = the("Deployment", folder)["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/instance"] == ("full" if folder == "overlays/full" else "mobile")
    [spread] = pod(folder)["topologySpreadConstraints"]
    selectors = [
        the("Deployment", folder)["spec"]["selector"]["matchLabels"],
        the("Service", folder)["spec"]["selector"],
        the("PodDisruptionBudget", folder)["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy", folder)["spec"]["podSelector"]["matchLabels"],
        spread["labelSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 5
    assert (
        the("HorizontalPodAutoscaler", folder)["spec"]["scaleTargetRef"]["name"]
        == the("Deployment", folder)["metadata"]["name"]
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_pod_gets_the_settings(folder: str) -> None:
    [source] = container(folder)["envFrom"]
    names = {manifest["metadata"]["name"] for manifest in rendered(folder) if manifest["kind"] == "ConfigMap"}
    assert source["configMapRef"]["name"] in names


def test_kserves_pod_is_the_bases() -> None:
    ours = {name: value for name, value in pod().items() if name != "topologySpreadConstraints"}
    ours["containers"] = [container() | {"name": "kserve-container"}]
    assert pod("overlays/kserve") == ours


def test_kserve_updates_and_scales_as_the_base_does() -> None:
    predictor = the("InferenceService", "overlays/kserve")["spec"]["predictor"]
    scaler = the("HorizontalPodAutoscaler")["spec"]
    [metric] = scaler["metrics"]
    assert {name: predictor[name] for name in KSERVE_FIELDS} == {
        "minReplicas": scaler["minReplicas"],
        "maxReplicas": scaler["maxReplicas"],
        "scaleMetric": metric["resource"]["name"],
        "scaleTarget": metric["resource"]["target"]["averageUtilization"],
        "deploymentStrategy": the("Deployment")["spec"]["strategy"],
    }


def test_the_service_monitor_finds_both_services() -> None:
    monitor = the("ServiceMonitor", "overlays/monitoring")["spec"]
    for folder in ("overlays/monitoring", "overlays/full"):
        service = the("Service", folder)
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert [endpoint["port"] for endpoint in monitor["endpoints"]] == [service["spec"]["ports"][0]["name"]]


def test_prometheus_and_grafana_reach_what_they_are_for() -> None:
    services = compose()["services"]
    [job] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    assert target == f"segmenter:{SETTINGS.port}"
    assert target.split(":")[0] in services
    [source] = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"].startswith("http://prometheus:")
    [provider] = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/segmenter.yaml").read_text())["providers"]
    mounts = {path: host for host, path, _ in (v.split(":") for v in services["grafana"]["volumes"] if v[0] == ".")}
    assert mounts[f"{provider['options']['path']}/segmenter.json"] == "./grafana/dashboard.json"
    for host in mounts.values():
        assert (DEPLOY / host).exists()
    data = the("ConfigMap", "../grafana")["data"]
    assert json.loads(data["dashboard.json"])["title"] == "Segmenter"


# ---- In line with the service


def test_the_ports_are_the_services() -> None:
    [port] = container()["ports"]
    assert port["containerPort"] == SETTINGS.port
    assert f"\nEXPOSE {SETTINGS.port}\n" in (ROOT / "Dockerfile").read_text()
    [served] = the("Service")["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    [rule] = the("Ingress")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": the("Service")["metadata"]["name"], "port": {"name": served["name"]}}
    [allowed] = the("NetworkPolicy")["spec"]["ingress"]
    assert [p["port"] for p in allowed["ports"]] == [port["name"]]
    assert compose()["services"]["segmenter"]["ports"] == [f"{SETTINGS.port}:{SETTINGS.port}"]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_the_probes_ask_what_the_service_answers(probe: str, app: Flask) -> None:
    request = container()[probe]["httpGet"]
    assert request["port"] == container()["ports"][0]["name"]
    assert request["path"] in {rule.rule for rule in app.url_map.iter_rules()}
    assert app.test_client().get(request["path"]).status_code == 200


def configured() -> dict[str, str]:
    [data] = [m["data"] for m in rendered("base") if m["metadata"]["name"].startswith("segmenter-settings-")]
    return dict(data)


@pytest.mark.parametrize("name", sorted(configured()))
def test_each_variable_is_a_setting(name: str) -> None:
    if name == "LOG_FORMAT" and "log_format" not in SETTINGS.__dataclass_fields__:
        pytest.skip("the service has no LOG_FORMAT yet")
    assert name.lower() in SETTINGS.__dataclass_fields__


def test_the_settings_are_allowed_and_the_defaults() -> None:
    """Defaults, so that the figures of the README hold; but for the log, which a cluster collects as JSON."""
    chosen = Settings.from_environment(configured())
    told = {"log_format"} & {field.name for field in fields(SETTINGS)}
    assert replace(chosen, **{name: getattr(SETTINGS, name) for name in told}) == SETTINGS


def test_the_key_is_a_setting() -> None:
    [key] = container()["env"]
    assert key["name"].lower() in SETTINGS.__dataclass_fields__
    assert set(compose()["services"]["segmenter"]["environment"]) == {key["name"]}


@pytest.mark.parametrize(("folder", "model"), [("base", "mobile"), ("overlays/full", "full")])
def test_the_memory_is_what_the_readme_says_fits(folder: str, model: str) -> None:
    [gigabytes] = re.findall(
        rf"^\| `{model}` \| {configured()['IMAGE_SIZE']} \|.*\| ([\d.]+) GB \|$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    resources = container(folder)["resources"]
    assert resources["limits"]["memory"] == f"{float(gigabytes) * 1000:.0f}M"
    # Guaranteed: a node under pressure ends pods that have more than they asked for first.
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["cpu"].isdecimal(), "THREADS is rounded up, and would have less than it counts on"
    if folder == "base":
        assert compose()["services"]["segmenter"]["mem_limit"] == f"{float(gigabytes) * 10**9:.0f}b"


def test_the_user_is_the_images_and_has_no_rights() -> None:
    context = pod()["securityContext"]
    [user] = re.findall(r"^USER (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
    assert context["runAsNonRoot"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert yaml.safe_load((KUBERNETES / "namespace.yaml").read_text())["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }
    for service in compose()["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]


def test_the_image_is_this_version() -> None:
    images = {folder: container(folder)["image"] for folder in FOLDERS}
    assert images.pop("overlays/full") == f"max-image-segmenter:{VERSION}-full"
    assert set(images.values()) == {f"max-image-segmenter:{VERSION}"}
    assert compose()["services"]["segmenter"]["image"] == f"max-image-segmenter:{VERSION}"
    for service in compose()["services"].values():
        assert re.fullmatch(r"\S+:v?\d+\.\d+\.\d+", service["image"])


def test_the_ingress_lets_in_what_the_service_does_and_waits_as_long() -> None:
    told = the("Ingress")["metadata"]["annotations"]
    for name in ("nginx.ingress.kubernetes.io/proxy-body-size", "nginx.org/client-max-body-size"):
        assert told[name].endswith("m")
        limit = int(told[name][:-1]) * 2**20
        assert SETTINGS.max_upload_mb * 10**6 <= limit < 1.1 * SETTINGS.max_upload_mb * 10**6
    for name in ("nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.org/proxy-read-timeout"):
        assert SETTINGS.request_timeout + 5 <= float(told[name].removesuffix("s")) <= 2 * SETTINGS.request_timeout


def test_the_grace_period_is_enough() -> None:
    # A request that has begun to come has REQUEST_TIMEOUT to do so, and may then wait as long again.
    needed = 2 * SETTINGS.request_timeout
    pre_stop = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pre_stop + needed + 3 <= pod()["terminationGracePeriodSeconds"] <= pre_stop + needed + 15
    assert the("Deployment")["spec"]["strategy"] == {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    patience = compose_spec.parse_duration(compose()["services"]["segmenter"]["stop_grace_period"])
    assert needed + 3 <= patience <= needed + 15


def test_the_network_policy_lets_nothing_out() -> None:
    policy = the("NetworkPolicy")["spec"]
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])


def test_the_queue_grows_replicas_before_it_refuses() -> None:
    [metric] = the("HorizontalPodAutoscaler", "overlays/queue-depth")["spec"]["metrics"]
    [rule] = adapter_rules()
    assert metric["pods"]["metric"]["name"] == rule["seriesQuery"].split("{")[0]
    assert 2 < int(metric["pods"]["target"]["averageValue"]) <= SETTINGS.queue_size / 2


# ---- In line with the service's metrics


def adapter_rules() -> list[Manifest]:
    values = yaml.safe_load((KUBERNETES / "overlays/queue-depth/prometheus-adapter.yaml").read_text())
    rules: list[Manifest] = values["rules"]["custom"]
    return rules


def queries() -> Iterator[str]:
    """Yield the PromQL of the dashboard and of the adapter's rule, with their variables filled in."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            [(metric, label)] = re.findall(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            yield f"count by ({label}) ({metric})"
    for rule in adapter_rules():
        yield rule["seriesQuery"]
        query = rule["metricsQuery"].replace("<<.Series>>", rule["seriesQuery"].split("{")[0])
        yield query.replace("<<.LabelMatchers>>", 'namespace="segmenter"').replace("<<.GroupBy>>", "pod")


def used(query: str) -> tuple[set[str], set[str]]:
    """Return the names of the metrics and of the labels in `query`; raise ValueError where it is not PromQL."""
    metrics: set[str] = set()
    labels: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name, query
            metrics.add(node.name)
            labels.update(matcher.name for matcher in node.matchers.matchers)
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            labels.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(query), visit)
    return metrics, labels


def test_every_query_is_promql() -> None:
    for query in queries():
        metrics, _ = used(query)
        assert all(name.startswith(("segmenter_", "process_")) for name in metrics), query
    with pytest.raises(ValueError, match="invalid promql"):
        used("sum by (rate(segmenter_requests_total[1m]))")


def test_every_query_asks_for_what_the_service_measures(service: ServiceProcess) -> None:
    assert service.predict(CHELSEA.read_bytes()).ok
    monitor = the("ServiceMonitor", "overlays/monitoring")
    answer = requests.get(service.url + monitor["spec"]["endpoints"][0]["path"], timeout=10)
    if answer.status_code == 404:
        pytest.skip("the service has no /metrics yet")
    samples = re.findall(r"^(\w+)(?:\{(.*)\})? ", answer.text, re.MULTILINE)
    measured = {name for name, _ in samples}
    # The last are those that Prometheus and its operator add to what they scrape.
    labelled = set(re.findall(r'(\w+)="', " ".join(labels for _, labels in samples)))
    labelled |= {"instance", "job", "namespace", "pod"}
    for query in queries():
        metrics, labels = used(query)
        assert metrics <= measured, query
        assert labels <= labelled, query
