"""Each value of the Helm chart changes its objects."""

from typing import Any

import pytest

from segmenter import __version__
from tests.support.chart import ALL, DIGEST, leaves, object_of, pod_of, render_chart, values_of_chart, with_value
from tests.support.manifests import VERSIONS, validate

POD = ("Deployment", "spec", "template", "spec")
POD_METADATA = ("Deployment", "spec", "template", "metadata")
CONTAINER = (*POD, "containers", 0)
ANTI_AFFINITY = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "topology.kubernetes.io/zone"}]}
# Values that are empty by default: an example, and its place in the objects.
USUAL: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "image.pullPolicy": ("Always", (*CONTAINER, "imagePullPolicy")),
    "imagePullSecrets": ([{"name": "registry"}], (*POD, "imagePullSecrets")),
    "extraEnv": ([{"name": "TZ", "value": "UTC"}], (*CONTAINER, "env")),
    "extraEnvFrom": ([{"secretRef": {"name": "more"}}], (*CONTAINER, "envFrom")),
    "extraVolumes": ([{"name": "models", "emptyDir": {}}], (*POD, "volumes")),
    "extraVolumeMounts": ([{"name": "models", "mountPath": "/models"}], (*CONTAINER, "volumeMounts")),
    "resources.requests": ({"cpu": "500m"}, (*CONTAINER, "resources", "requests")),
    "resources.limits": ({"memory": "4Gi"}, (*CONTAINER, "resources", "limits")),
    "podSecurityContext": ({"fsGroup": 2000, "supplementalGroups": [3000]}, (*POD, "securityContext")),
    "serviceAccount.name": ("robot", (*POD, "serviceAccountName")),
    "serviceAccount.annotations": ({"team": "photos"}, ("ServiceAccount", "metadata", "annotations")),
    "podAnnotations": ({"team": "photos"}, (*POD_METADATA, "annotations")),
    "podLabels": ({"team": "photos"}, (*POD_METADATA, "labels")),
    "priorityClassName": ("high", (*POD, "priorityClassName")),
    "nodeSelector": ({"kubernetes.io/arch": "amd64"}, (*POD, "nodeSelector")),
    "tolerations": ([{"key": "cpu", "operator": "Exists"}], (*POD, "tolerations")),
    "affinity": ({"podAntiAffinity": ANTI_AFFINITY}, (*POD, "affinity")),
    "service.annotations": ({"team": "photos"}, ("Service", "metadata", "annotations")),
    "ingress.annotations": ({"cert-manager.io/issuer": "ca"}, ("Ingress", "metadata", "annotations")),
    "ingress.tls": ([{"hosts": ["*.example.com"]}], ("Ingress", "spec", "tls")),
}
# Another valid value for a default that has only certain ones.
OTHERS = {"2": "3", "3000M": "5000M", "json": "text", "ClusterIP": "LoadBalancer"}


def with_usual_values() -> dict[str, Any]:
    """Return values with each of USUAL."""
    values = ALL
    for path, (value, _) in USUAL.items():
        values = with_value(values, path, value)
    return values


def at(place: tuple[Any, ...], values: dict[str, Any]) -> Any:
    """Return the part at `place` of the chart's objects; None if it is not there."""
    kind, *names, last = place
    found: Any = object_of(kind, values)
    for name in names:
        found = found[name]
    return found.get(last)


@pytest.mark.parametrize("path", USUAL)
def test_usual_value_appears_in_its_object_beside_those_of_the_chart(path: str) -> None:
    value, place = USUAL[path]
    before, after = at(place, ALL), at(place, with_value(ALL, path, value))
    if isinstance(value, dict):
        assert after == (before or {}) | value
    elif isinstance(value, list):
        assert after == (before or []) + value
    else:
        assert after == value


@pytest.mark.parametrize("version", VERSIONS)
def test_chart_with_usual_values_is_valid_for_kubernetes(version: str) -> None:
    for manifest in render_chart(with_usual_values()):
        validate(manifest, version)


def test_usual_values_leave_the_security_contexts() -> None:
    before, after = pod_of(ALL), pod_of(with_usual_values())
    assert before["securityContext"].items() <= after["securityContext"].items()
    assert before["containers"][0]["securityContext"] == after["containers"][0]["securityContext"]


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ({"tag": "1.2.3"}, "max-image-segmenter:1.2.3"),
        ({"digest": DIGEST}, f"max-image-segmenter@{DIGEST}"),
        ({"tag": "1.2.3", "digest": DIGEST}, f"max-image-segmenter@{DIGEST}"),
        ({"repository": "localhost:5000/a/b"}, f"localhost:5000/a/b:{__version__}"),
    ],
)
def test_image_has_tag_or_digest(image: dict[str, str], name: str) -> None:
    assert at((*CONTAINER, "image"), {"image": image}) == name


@pytest.mark.parametrize(
    ("overrides", "release", "name"),
    [
        ({}, "photos", "photos-segmenter"),
        ({"nameOverride": "masks"}, "photos", "photos-masks"),
        ({"nameOverride": "masks"}, "masks-1", "masks-1"),
        ({"fullnameOverride": "masks"}, "photos", "masks"),
        ({"nameOverride": "a", "fullnameOverride": "b" * 63}, "photos", "b" * 63),
    ],
)
def test_objects_have_name_of_release_or_override(overrides: dict[str, str], release: str, name: str) -> None:
    manifests = render_chart(ALL | overrides, release)
    assert {m["metadata"]["name"] for m in manifests} == {name, f"{name}-settings", f"{name}-dashboard"}
    labels = {m["metadata"]["labels"]["app.kubernetes.io/name"] for m in manifests}
    assert labels == {overrides.get("nameOverride", "segmenter")}


@pytest.mark.parametrize(
    ("account", "name", "created"),
    [
        ({}, None, []),
        ({"create": True}, "segmenter", ["segmenter"]),
        ({"create": True, "name": "robot"}, "robot", ["robot"]),
        ({"name": "robot"}, "robot", []),
    ],
)
def test_service_account_is_created_or_named(account: dict[str, Any], name: str | None, created: list[str]) -> None:
    values = {"serviceAccount": account}
    accounts = [m for m in render_chart(values) if m["kind"] == "ServiceAccount"]
    assert pod_of(values).get("serviceAccountName") == name
    assert [m["metadata"]["name"] for m in accounts] == created
    # The service does not talk to Kubernetes.
    assert not any(holder["automountServiceAccountToken"] for holder in [*accounts, pod_of(values)])


DEFAULT = {"cpu": "2", "memory": "3000M"}


@pytest.mark.parametrize(
    ("resources", "requests", "limits"),
    [
        ({"memory": "4400M"}, {"cpu": "2", "memory": "4400M"}, {"cpu": "2", "memory": "4400M"}),
        ({"requests": {"cpu": "500m"}}, {"cpu": "500m", "memory": "3000M"}, DEFAULT),
        ({"limits": {"ephemeral-storage": "1Gi"}}, DEFAULT, DEFAULT | {"ephemeral-storage": "1Gi"}),
        # Without a limit of the CPU.
        ({"cpu": None, "requests": {"cpu": 2}}, {"cpu": 2, "memory": "3000M"}, {"memory": "3000M"}),
    ],
)
def test_cpu_and_memory_are_request_and_limit_without_others(
    resources: dict[str, Any], requests: dict[str, Any], limits: dict[str, Any]
) -> None:
    assert at((*CONTAINER, "resources"), {"resources": resources}) == {"requests": requests, "limits": limits}


def test_spread_constraints_replace_the_default_and_get_its_selector() -> None:
    [default] = pod_of()["topologySpreadConstraints"]
    constraint = {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}
    own = constraint | {"labelSelector": {"matchLabels": {"team": "photos"}}}
    spread = pod_of({"topologySpreadConstraints": [constraint, own]})["topologySpreadConstraints"]
    assert spread == [constraint | {"labelSelector": default["labelSelector"]}, own]
    assert "topologySpreadConstraints" not in pod_of({"topologySpreadConstraints": []})


def test_ingress_has_class_and_certificates() -> None:
    plain = object_of("Ingress", {"ingress": {"className": ""}})["spec"]
    assert not {"ingressClassName", "tls"} & set(plain)
    more = {"secretName": "more", "hosts": ["*.example.com"]}
    values = {"host": "*.example.org", "ingress": {"className": "traefik", "tlsSecret": "first", "tls": [more]}}
    secured = object_of("Ingress", values)["spec"]
    assert secured["ingressClassName"] == "traefik"
    assert secured["tls"] == [{"secretName": "first", "hosts": ["*.example.org"]}, more]


def test_user_can_be_left_to_openshift() -> None:
    context = pod_of({"runAsUser": None, "runAsGroup": None})["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, None, None)


def test_large_user_is_rendered_as_an_integer() -> None:
    # OpenShift's users are of this size, and templates print large numbers like 1.00068e+09.
    assert pod_of({"runAsUser": 1_000_680_000})["securityContext"]["runAsUser"] == 1_000_680_000


@pytest.mark.parametrize(("path", "value"), list(leaves(values_of_chart())), ids=str)
def test_each_value_of_chart_changes_an_object(path: str, value: Any) -> None:
    # All parts are enabled, except KEDA for the CPU target, which it ignores.
    values = with_value(ALL, "keda.enabled", path != "autoscaling.cpu")
    if path in USUAL:
        other = USUAL[path][0]
    elif isinstance(value, bool):
        other = False
    elif isinstance(value, int):
        other = value + 1
    elif isinstance(value, list):
        other = []
    else:
        other = DIGEST if path == "image.digest" else OTHERS.get(value, f"{value}other")
    assert render_chart(with_value(values, path, other)) != render_chart(values)
