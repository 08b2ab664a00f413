"""JSON schemas of the custom resources of deploy/, with the fields of them that it uses, after their definitions.

No Python package has schemas of them. An unknown field is an error, as it is with the schemas of Kubernetes. The
objects were compared once with the definitions in the npm packages @kubernetes-models/gateway-api 2.0.0, keda 2.0.0 and
prometheus-operator 6.0.0, which found no error and no unknown field.
"""

from typing import Any

Schema = dict[str, Any]


def _object(required: list[str], **properties: object) -> Schema:
    """Return the JSON schema of an object without other properties."""
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


STRING = {"type": "string"}
STRINGS = {"type": "object", "additionalProperties": STRING}
COUNT = {"type": "integer", "minimum": 0}


def _list(items: Schema) -> Schema:
    """Return the JSON schema of a list with at least one of `items`."""
    return {"type": "array", "minItems": 1, "items": items}


def _resource(api_version: str, spec: Schema) -> Schema:
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
    # The same reference
    "PrometheusRule": _resource(
        "monitoring.coreos.com/v1",
        _object(
            ["groups"],
            groups=_list(
                _object(
                    ["name", "rules"],
                    name=STRING,
                    rules=_list(
                        _object(
                            ["alert", "expr"],
                            alert=STRING,
                            expr=STRING,
                            labels=STRINGS,
                            annotations=STRINGS,
                            **{"for": {"type": "string", "pattern": r"^\d+[smh]$"}},
                        )
                    ),
                )
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
