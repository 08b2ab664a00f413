"""The Kubernetes manifests of deploy/ as kubectl sends them, and their validation.

kubectl's kustomize renders them. They are validated against the JSON schemas of several Kubernetes versions, which
allow no unknown field. Custom resources are validated against CUSTOM, and the pod of an InferenceService as a Pod.
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

from tests.support.custom_resources import CUSTOM
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


def compose(name: str = "compose.yaml") -> Manifest:
    """Return the content of a Compose file. Raises ValueError if it does not follow the Compose specification."""
    read = compose_spec.PyOptions(apply_merge=True).from_yaml((DEPLOY / name).read_text())
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
