"""The settings of the Kubernetes manifests for starting, probing and ending a replica."""

import re
from dataclasses import dataclass
from typing import Any, Self

import yaml

from tests.support.paths import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"


@dataclass(frozen=True)
class Rollout:
    """The probes, the end and the settings of a replica; times are in seconds."""

    startup_period: int
    probe_path: str
    probe_period: int
    probe_timeout: int
    probe_failures: int
    pre_stop: int
    grace: int
    read_timeout: int
    settings: dict[str, str]

    @classmethod
    def read(cls) -> Self:
        """Read deploy/kubernetes."""
        pod: dict[str, Any] = _read("base/deployment.yaml")["spec"]["template"]["spec"]
        [container] = pod["containers"]
        readiness = container["readinessProbe"]
        annotations = _read("base/ingress.yaml")["metadata"]["annotations"]
        lines = (KUBERNETES / "settings" / "settings.env").read_text()
        return cls(
            startup_period=container["startupProbe"]["periodSeconds"],
            probe_path=readiness["httpGet"]["path"],
            probe_period=readiness["periodSeconds"],
            probe_timeout=readiness["timeoutSeconds"],
            probe_failures=readiness.get("failureThreshold", 3),  # the default of Kubernetes
            pre_stop=container["lifecycle"]["preStop"]["sleep"]["seconds"],
            grace=pod["terminationGracePeriodSeconds"],
            read_timeout=int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]),
            settings=dict(re.findall(r"^(\w+)=(.*)$", lines, re.MULTILINE)),
        )


def _read(file: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((KUBERNETES / file).read_text())
    return content
