"""The schema of the Helm chart's values rejects wrong ones, and knows the settings."""

import json
import re
from typing import Any

import helm_python
import pytest

from config import Settings
from tests.support.chart import CHART, DIGEST, leaves, object_of, render_chart, values_of_chart, with_value

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SETTINGS = SCHEMA["properties"]["settings"]["propertyNames"]["enum"]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"imgae": {}}, "imgae"),
        ({"enabled": "yes"}, "enabled"),
        ({"image": {"repository": "segmenter:1.0.0"}}, "image/repository"),
        ({"image": {"repository": f"segmenter@{DIGEST}"}}, "image/repository"),
        ({"image": {"tag": DIGEST}}, "image/tag"),
        ({"image": {"digest": DIGEST[:-1]}}, "image/digest"),
        ({"image": {"pullPolicy": "always"}}, "image/pullPolicy"),
        ({"imagePullSecrets": ["registry"]}, "imagePullSecrets/0"),
        ({"fullnameOverride": "My_Name"}, "fullnameOverride"),
        ({"settings": {"IMAGE_SIZES": 333}}, "IMAGE_SIZES"),
        ({"settings": {"API_KEY": "secret"}}, "API_KEY"),
        ({"settings": {"REQUEST_TIMEOUT": "60s"}}, "REQUEST_TIMEOUT"),
        ({"settings": {"MAX_UPLOAD_MB": None}}, "MAX_UPLOAD_MB"),
        ({"extraEnv": [{"name": "API_KEY", "value": "secret"}]}, "extraEnv/0/name"),
        ({"extraVolumeMounts": [{"name": "models"}]}, "mountPath"),
        ({"resources": {"cpu": "500m"}}, "cpu"),
        ({"resources": {"memory": 3000}}, "memory"),
        ({"resources": {"limits": {"memory": "4 GB"}}}, "resources/limits/memory"),
        ({"runAsUser": 0}, "runAsUser"),
        ({"podSecurityContext": {"runAsNonRoot": False}}, "runAsNonRoot"),
        ({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}, "seccompProfile"),
        ({"securityContext": {"privileged": True}}, "securityContext"),
        ({"topologySpreadConstraints": [{"topologyKey": "zone"}]}, "maxSkew"),
        ({"autoscaling": {"minReplicas": 0}}, "minReplicas"),
        ({"keda": {"serverAddress": "prometheus:9090"}}, "serverAddress"),
        ({"service": {"type": "ExternalName"}}, "service/type"),
        ({"ingress": {"enabled": "yes"}}, "enabled"),
    ],
)
def test_wrong_value_is_rejected_with_its_name(values: dict[str, Any], name: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=name):
        render_chart(values)


def test_label_or_annotation_of_chart_is_rejected_as_additional_one() -> None:
    # It would stand twice in the object.
    pods = object_of("Deployment")["spec"]["template"]["metadata"]
    own = {"podLabels": pods["labels"], "podAnnotations": pods["annotations"]}
    own["ingress.annotations"] = object_of("Ingress")["metadata"]["annotations"]
    for path, names in own.items():
        for name in names:
            with pytest.raises(helm_python.HelmValuesError, match=re.escape(name.replace("/", "~1"))):
                render_chart(with_value({}, path, {name: "other"}))


@pytest.mark.parametrize("path", [path for path, _ in leaves(values_of_chart())])
def test_null_removes_a_value_or_is_rejected_with_its_name(path: str) -> None:
    try:
        render_chart(with_value({}, path, None))
    except helm_python.HelmValuesError as error:
        assert path.rsplit(".", maxsplit=1)[-1] in str(error)  # noqa: PT017


def test_values_of_schema_are_in_values_file() -> None:
    # Helm sets the first, and reads the second.
    of_helm = {"global", "enabled"}
    known = paths_of(SCHEMA) - {"settings"}
    assert known - of_helm == {path for path, _ in leaves(values_of_chart()) if not path.startswith("settings.")}


def paths_of(schema: dict[str, Any], *path: str) -> set[str]:
    """Return the paths of the values in a schema; those of Kubernetes' own form are one value."""
    if schema.get("additionalProperties", True) is not False or path == ("podSecurityContext",):
        return {".".join(path)}
    return set().union(*(paths_of(part, *path, name) for name, part in schema["properties"].items()))


def test_settings_of_schema_are_settings_of_service() -> None:
    # The chart sets the port, and the key from a Secret; the debug server is not for clusters.
    own = {"HOST", "PORT", "API_KEY", "API_KEY_FILE", "DEBUG"}
    assert set(SETTINGS) == {name.upper() for name in Settings.__dataclass_fields__} - own
