"""The files of deploy/ agree with the service: its ports, probes, settings, limits, image and version."""

import re
from dataclasses import replace

import compose_spec
import pytest
import yaml
from flask import Flask

from config import Settings
from segmenter import __version__
from tests.support.manifests import (
    FOLDERS,
    KUBERNETES,
    compose,
    container,
    find,
    pod,
    queue_trigger,
    settings_data,
)
from tests.support.paths import ROOT

SETTINGS = Settings()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OPERATING = ROOT / "docs" / "operating.md"


def test_container_port_is_port_of_service() -> None:
    [port] = container()["ports"]
    assert port["containerPort"] == SETTINGS.port
    assert f"\nEXPOSE {SETTINGS.port}\n" in DOCKERFILE
    [served] = find("Service")["spec"]["ports"]
    assert served["targetPort"] == port["name"]
    [rule] = find("Ingress")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    service = {"name": find("Service")["metadata"]["name"], "port": {"name": served["name"]}}
    assert path["backend"]["service"] == service
    [allowed] = find("NetworkPolicy")["spec"]["ingress"]
    assert [p["port"] for p in allowed["ports"]] == [port["name"]]
    assert compose()["services"]["segmenter"]["ports"] == [f"{SETTINGS.port}:{SETTINGS.port}"]


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_probe_path_of_ready_service_returns_200(probe: str, app: Flask) -> None:
    request = container()[probe]["httpGet"]
    assert request["port"] == container()["ports"][0]["name"]
    assert request["path"] in {rule.rule for rule in app.url_map.iter_rules()}
    assert app.test_client().get(request["path"]).status_code == 200


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_probe_ends_a_service_that_loads_for_ten_minutes(folder: str) -> None:
    # The full model takes up to a minute on a slow machine; ten times that must not end the service.
    probe = container(folder)["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 600
    [start_period] = re.findall(r"--start-period=(\d+)s", DOCKERFILE)
    assert int(start_period) >= 600


@pytest.mark.parametrize("name", sorted(settings_data()))
def test_variable_of_config_map_is_a_setting(name: str) -> None:
    assert name.lower() in SETTINGS.__dataclass_fields__


def test_settings_of_config_map_are_defaults_except_log_format() -> None:
    # The performance figures in the documents hold for the defaults. Log collectors of clusters read JSON.
    configured = Settings.from_environment(settings_data())
    assert configured.log_format == "json"
    assert replace(configured, log_format=SETTINGS.log_format) == SETTINGS


def test_variable_of_secret_is_a_setting() -> None:
    [key] = container()["env"]
    assert key["name"].lower() in SETTINGS.__dataclass_fields__
    assert set(compose()["services"]["segmenter"]["environment"]) == {key["name"]}


@pytest.mark.parametrize(("folder", "model"), [("base", "mobile"), ("overlays/full", "full")])
def test_memory_limit_is_limit_in_operating_document(folder: str, model: str) -> None:
    [gigabytes] = re.findall(
        rf"^\| `{model}` \| {settings_data()['IMAGE_SIZE']} \| ([\d.]+) GB \|$",
        OPERATING.read_text(),
        re.MULTILINE,
    )
    resources = container(folder)["resources"]
    assert resources["limits"]["memory"] == f"{float(gigabytes) * 1000:.0f}M"
    if folder == "base":
        assert compose()["services"]["segmenter"]["mem_limit"] == f"{float(gigabytes) * 10**9:.0f}b"


@pytest.mark.parametrize("folder", ["base", "overlays/full"])
def test_resource_requests_equal_limits_in_whole_cores(folder: str) -> None:
    resources = container(folder)["resources"]
    # The QoS class "Guaranteed": a node that runs out of memory evicts pods first that exceed their request.
    assert resources["requests"] == resources["limits"]
    # The default of THREADS is the CPU limit, rounded up.
    assert resources["limits"]["cpu"].isdecimal()


def test_pod_runs_as_user_of_image_without_privileges() -> None:
    context = pod()["securityContext"]
    [user] = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
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


def test_compose_services_run_without_privileges() -> None:
    for service in compose()["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]


def test_image_tags_are_version_of_service() -> None:
    images = {folder: container(folder)["image"] for folder in FOLDERS}
    assert images.pop("overlays/full") == f"max-image-segmenter:{__version__}-full"
    assert set(images.values()) == {f"max-image-segmenter:{__version__}"}
    assert compose()["services"]["segmenter"]["image"] == f"max-image-segmenter:{__version__}"


def test_compose_images_have_pinned_versions() -> None:
    for service in compose()["services"].values():
        assert re.fullmatch(r"\S+:v?\d+\.\d+\.\d+", service["image"])


def test_ingress_body_size_exceeds_max_upload_slightly() -> None:
    annotations = find("Ingress")["metadata"]["annotations"]
    for name in ("nginx.ingress.kubernetes.io/proxy-body-size", "nginx.org/client-max-body-size"):
        assert annotations[name].endswith("m")
        limit = int(annotations[name][:-1]) * 2**20
        assert SETTINGS.max_upload_bytes <= limit < 1.1 * SETTINGS.max_upload_bytes


def test_ingress_read_timeout_exceeds_request_timeout() -> None:
    annotations = find("Ingress")["metadata"]["annotations"]
    for name in ("nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.org/proxy-read-timeout"):
        seconds = float(annotations[name].removesuffix("s"))
        assert SETTINGS.request_timeout + 5 <= seconds <= 2 * SETTINGS.request_timeout


def test_grace_period_covers_receiving_and_processing_a_request() -> None:
    # REQUEST_TIMEOUT applies separately to receiving and to processing.
    needed = 2 * SETTINGS.request_timeout
    pre_stop = container()["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pre_stop + needed + 3 <= pod()["terminationGracePeriodSeconds"] <= pre_stop + needed + 15
    compose_period = compose_spec.parse_duration(compose()["services"]["segmenter"]["stop_grace_period"])
    assert needed + 3 <= compose_period <= needed + 15


def test_rolling_update_keeps_all_replicas_available() -> None:
    assert find("Deployment")["spec"]["strategy"] == {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_network_policy_forbids_outgoing_connections() -> None:
    policy = find("NetworkPolicy")["spec"]
    assert (policy["policyTypes"], policy["egress"]) == (["Ingress", "Egress"], [])


def test_keda_adds_replicas_before_queue_is_full() -> None:
    assert 2 < int(queue_trigger()["threshold"]) <= SETTINGS.queue_size / 2


def test_http_route_leads_to_the_service() -> None:
    [served] = find("Service")["spec"]["ports"]
    route = find("HTTPRoute", "overlays/gateway")["spec"]
    [rule] = route["rules"]
    assert rule["backendRefs"] == [{"name": find("Service")["metadata"]["name"], "port": served["port"]}]
    assert route["hostnames"] == [rule["host"] for rule in find("Ingress")["spec"]["rules"]]
    seconds = float(rule["timeouts"]["request"].removesuffix("s"))
    assert SETTINGS.request_timeout + 5 <= seconds <= 2 * SETTINGS.request_timeout
