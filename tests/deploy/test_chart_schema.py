"""The schema of the Helm chart's values rejects wrong ones, and has the settings of config.py."""

import json
import re
from dataclasses import Field, fields
from typing import Any

import helm_python
import jsonschema
import pytest

from config import Settings
from core.setting_kinds import BOOLEAN, CHECKSUMS, ORIGINS, PATH, TEXT, URL, SettingKind
from tests.support.chart import CHART, DIGEST, leaves, object_of, render_chart, values_of_chart, with_value

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SETTINGS = SCHEMA["properties"]["settings"]["properties"]

# Right and wrong texts of all kinds of settings, and numbers beside the limits of all kinds.
TEXTS = [
    "text",
    "json",
    "*",
    "http://",
    "ftp://example.com",
    "https://example.com",
    "https://example.com/models",
    "https://example.com , http://localhost:3000",
    "https://example.com,",
    "full=" + "0a" * 64,
    "full=" + "0A" * 64,
    "full=00",
    "mobile=" + "0a" * 64 + ",full=" + "0b" * 64,
    "small=" + "0a" * 64,
]
NUMBERS = [0, 0.5, 1, 1.5, 15, 16, 1000, 1001, 1024, 1025, 3600, 3600.5, 3601]


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
        ({"settings": {"IMAGE_SIZE": 5000}}, "IMAGE_SIZE"),
        ({"settings": {"API_KEY": "secret"}}, "API_KEY"),
        ({"settings": {"REQUEST_TIMEOUT": "60s"}}, "REQUEST_TIMEOUT"),
        ({"settings": {"MAX_UPLOAD_MB": None}}, "MAX_UPLOAD_MB"),
        ({"settings": {"MODEL_LABELS": "/labels.txt"}}, "MODEL_PATH"),
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


@pytest.mark.parametrize("keda", [False, True])
def test_minimum_over_maximum_of_replicas_is_rejected_with_both(keda: bool) -> None:
    message = r"autoscaling\.minReplicas=11 is over autoscaling\.maxReplicas=10: set maxReplicas to 11 or more"
    with pytest.raises(helm_python.HelmRenderError, match=message):
        render_chart({"autoscaling": {"minReplicas": 11}, "keda": {"enabled": keda}})
    render_chart({"autoscaling": {"minReplicas": 10}, "keda": {"enabled": keda}})


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
    # Helm sets the first, and reads the second. The settings that are not there have the service's defaults.
    of_helm = {"global", "enabled"}
    known = {path for path in paths_of(SCHEMA) if not path.startswith("settings.")}
    assert known - of_helm == {path for path, _ in leaves(values_of_chart()) if not path.startswith("settings.")}


def paths_of(schema: dict[str, Any], *path: str) -> set[str]:
    """Return the paths of the values in a schema; those of Kubernetes' own form are one value."""
    if schema.get("additionalProperties", True) is not False or path == ("podSecurityContext",):
        return {".".join(path)}
    return set().union(*(paths_of(part, *path, name) for name, part in schema["properties"].items()))


def test_settings_of_schema_are_settings_of_service() -> None:
    # The chart sets the port, and the key from a Secret; the debug server is not for clusters.
    own = {"HOST", "PORT", "API_KEY", "API_KEY_FILE", "DEBUG"}
    of_service = {name.upper() for name in Settings.__dataclass_fields__} - own
    assert set(SETTINGS) == of_service, "see deploy/helm/values.schema.json, or add it to `own` here"


@pytest.mark.parametrize("setting", [s for s in fields(Settings) if s.name.upper() in SETTINGS], ids=lambda s: s.name)
def test_schema_of_setting_accepts_the_values_that_the_service_accepts(setting: "Field[Any]") -> None:
    schema, expected = SETTINGS[setting.name.upper()], schema_of(setting)
    assert {name: value for name, value in schema.items() if name != "pattern"} == expected
    validator = jsonschema.Draft7Validator(schema)
    for value in TEXTS if expected == {"type": "string"} else [*TEXTS, *NUMBERS, True, False]:
        assert validator.is_valid(value) == accepts(setting.metadata["kind"], str(value)), value


def schema_of(setting: "Field[Any]") -> dict[str, Any]:
    """Return the JSON schema that follows from the kind of a setting in config.py, without the pattern of a text."""
    kind: SettingKind = setting.metadata["kind"]
    if kind is BOOLEAN:
        return {"type": "boolean"}
    if kind in {TEXT, PATH, URL, CHECKSUMS, ORIGINS}:
        return {"type": "string"}
    if limits := re.fullmatch(r"(\d+) to (\d+)", kind.allowed):
        low, high = map(int, limits.groups())
        return {"type": "integer" if setting.type is int else "number", "minimum": low, "maximum": high}
    return {"enum": kind.allowed.split(" or ")}


def accepts(kind: SettingKind, text: str) -> bool:
    """Return whether `text` is a value of this kind for the service."""
    try:
        kind.parse(text)
    except (ValueError, KeyError):
        return False
    return True
