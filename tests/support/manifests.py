"""The Kubernetes manifests of deploy/ as kubectl sends them, and their validation.

kubectl's kustomize renders them. They are validated against the JSON schemas of several Kubernetes versions, which
allow no unknown field. No package has schemas of the custom resources: CUSTOM has the fields of them that deploy/ uses,
after their definitions, and the pod of an InferenceService is validated as a Pod.
"""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import compose_spec
import jsonschema
import kubernetes_validate
import yaml

from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
KSERVE = "overlays/kserve"
FOLDERS = ["base", "overlays/full", "overlays/gateway", "overlays/monitoring", "overlays/queue-depth", KSERVE]
# Folders that others include.
PARTS = {"labels", "settings"}
VERSIONS = ["1.34", "1.35", "1.36", "1.37"]
# The fields of an InferenceService's predictor that are not fields of a pod.
KSERVE_FIELDS = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "deploymentStrategy"}
# Seconds that kubectl may take on a busy machine.
KUBECTL_TIMEOUT = 300

Manifest = dict[str, Any]


def _object(required: list[str], **properties: object) -> Manifest:
    """Return the JSON schema of an object without other properties."""
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


STRING = {"type": "string"}
STRINGS = {"type": "object", "additionalProperties": STRING}
COUNT = {"type": "integer", "minimum": 0}


def _list(items: Manifest) -> Manifest:
    """Return the JSON schema of a list with at least one of `items`."""
    return {"type": "array", "minItems": 1, "items": items}


def _resource(api_version: str, spec: Manifest) -> Manifest:
    """Return the JSON schema of a custom resource."""
    return _object(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": api_version},
        kind=STRING,
        metadata=_object(["name", "namespace", "labels"], name=STRING, namespace=STRING, labels=STRINGS),
        spec=spec,
    )


CUSTOM = {
    # github.com/prometheus-operator/prometheus-operator, Documentation/api-reference
    "ServiceMonitor": _resource(
        "monitoring.coreos.com/v1",
        _object(
            ["selector", "endpoints"],
            selector=_object(["matchLabels"], matchLabels=STRINGS),
            endpoints=_list(
                _object(["port", "path"], port=STRING, path=STRING, interval={"type": "string", "pattern": r"^\d+s$"})
            ),
        ),
    ),
    # github.com/kedacore/keda, config/crd/bases/keda.sh_scaledobjects.yaml; a trigger's metadata are strings
    "ScaledObject": _resource(
        "keda.sh/v1alpha1",
        _object(
            ["scaleTargetRef", "triggers"],
            scaleTargetRef=_object(["name"], apiVersion=STRING, kind=STRING, name=STRING),
            minReplicaCount=COUNT,
            maxReplicaCount=COUNT,
            # The behaviour is that of a HorizontalPodAutoscaler, and validated as one.
            advanced=_object([], horizontalPodAutoscalerConfig=_object([], behavior={"type": "object"})),
            triggers=_list(
                _object(
                    ["type", "metadata"],
                    type={"const": "prometheus"},
                    metadata=_object(
                        ["serverAddress", "query", "threshold"],
                        serverAddress=STRING,
                        query=STRING,
                        threshold={"type": "string", "pattern": r"^[\d.]+$"},
                        ignoreNullValues={"enum": ["true", "false"]},
                    ),
                )
            ),
        ),
    ),
    # github.com/kubernetes-sigs/gateway-api, config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
    "HTTPRoute": _resource(
        "gateway.networking.k8s.io/v1",
        _object(
            ["parentRefs", "hostnames", "rules"],
            parentRefs=_list(_object(["name"], name=STRING, namespace=STRING)),
            hostnames=_list(STRING),
            rules=_list(
                _object(
                    ["backendRefs"],
                    matches=_list(
                        _object(["path"], path=_object([], type={"enum": ["Exact", "PathPrefix"]}, value=STRING))
                    ),
                    # The port of a Service is a number here, never a name.
                    backendRefs=_list(_object(["name", "port"], name=STRING, port={"type": "integer"})),
                    timeouts=_object([], request={"type": "string", "pattern": r"^(\d{1,5}(h|m|s|ms)){1,4}$"}),
                )
            ),
        ),
    ),
}


def render(folder: Path) -> list[Manifest]:
    """Return the objects that `kubectl apply -k` would send."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=KUBECTL_TIMEOUT)
    assert run.returncode == 0, run.stderr
    assert not run.stderr, run.stderr
    return list(yaml.safe_load_all(run.stdout))


@cache
def rendered(folder: str) -> list[Manifest]:
    """Return the objects of a folder of deploy/kubernetes."""
    return render(KUBERNETES / folder)


def find(kind: str, folder: str = "base") -> Manifest:
    """Return the only object of `kind`. Raises ValueError if there are none or several."""
    [found] = [manifest for manifest in rendered(folder) if manifest["kind"] == kind]
    return found


def pod(folder: str = "base") -> Manifest:
    """Return the pod's specification: that of the Deployment, or the one that KServe gets."""
    if folder == KSERVE:
        predictor: Manifest = find("InferenceService", folder)["spec"]["predictor"]
        return {name: value for name, value in predictor.items() if name not in KSERVE_FIELDS}
    specification: Manifest = find("Deployment", folder)["spec"]["template"]["spec"]
    return specification


def container(folder: str = "base") -> Manifest:
    """Return the only container of the pod."""
    [only] = pod(folder)["containers"]
    assert isinstance(only, dict)
    return only


def settings_data() -> dict[str, str]:
    """Return the data of the ConfigMap with the settings."""
    [data] = [m["data"] for m in rendered("base") if m["metadata"]["name"].startswith("segmenter-settings-")]
    return dict(data)


def queue_trigger() -> dict[str, str]:
    """Return the metadata of KEDA's trigger on the queues."""
    [trigger] = find("ScaledObject", "overlays/queue-depth")["spec"]["triggers"]
    return dict(trigger["metadata"])


def compose() -> Manifest:
    """Return the content of compose.yaml. Raises ValueError if it does not follow the Compose specification."""
    read = compose_spec.PyOptions(apply_merge=True).from_yaml((DEPLOY / "compose.yaml").read_text())
    read.validate()
    return read.to_dict()


def validate(manifest: Manifest, version: str) -> None:
    """Raise jsonschema.ValidationError if this version of Kubernetes would reject `manifest`."""
    if manifest["kind"] in CUSTOM:
        jsonschema.validate(manifest, CUSTOM[manifest["kind"]])
    elif manifest["kind"] == "InferenceService":
        assert manifest["apiVersion"] == "serving.kserve.io/v1beta1"
        assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
        assert set(manifest["spec"]) == {"predictor"}
        as_pod = {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": pod(KSERVE)}
        kubernetes_validate.validate(as_pod, version, strict=True)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)
