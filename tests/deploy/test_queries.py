"""The PromQL of the dashboard and of KEDA's trigger is valid, and uses metrics that the service has."""

import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
import requests
from flask import Flask

from tests.support.application import route
from tests.support.manifests import DEPLOY, find, queue_trigger
from tests.support.paths import CHELSEA
from tests.support.service import TIMEOUT, ServiceProcess

# Labels that Prometheus and its operator add to all samples.
SCRAPE_LABELS = {"instance", "job", "namespace", "pod"}


def queries() -> Iterator[str]:
    """Yield the PromQL of the dashboard, with values in place of its variables, and of KEDA's trigger."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            [(metric, label)] = re.findall(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            yield f"count by ({label}) ({metric})"
    yield queue_trigger()["query"]


def parse(query: str) -> tuple[set[str], set[str]]:
    """Return the names of the metrics and of the labels in `query`. Raises ValueError if it is not PromQL."""
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


def test_queries_are_valid_promql() -> None:
    for query in queries():
        metrics, _ = parse(query)
        assert all(name.startswith(("segmenter_", "process_")) for name in metrics), query


def test_parse_of_invalid_promql_raises_value_error() -> None:
    with pytest.raises(ValueError, match="invalid promql"):
        parse("sum by (rate(segmenter_requests_total[1m]))")


def test_queries_use_metrics_and_labels_of_service(service: ServiceProcess) -> None:
    assert service.predict(CHELSEA.read_bytes()).ok
    [endpoint] = find("ServiceMonitor", "overlays/monitoring")["spec"]["endpoints"]
    response = requests.get(service.url + endpoint["path"], timeout=TIMEOUT)
    assert response.ok
    samples = re.findall(r"^(\w+)(?:\{(.*)\})? ", response.text, re.MULTILINE)
    names = {name for name, _ in samples}
    known_labels = set(re.findall(r'(\w+)="', " ".join(labels for _, labels in samples))) | SCRAPE_LABELS
    for query in queries():
        metrics, labels = parse(query)
        assert metrics <= names, query
        assert labels <= known_labels, query


def test_queries_of_dashboard_count_every_route_that_segments(app: Flask) -> None:
    patterns = {pattern for query in queries() for pattern in re.findall(r'path=~"(.+?)"', query)}
    [pattern] = patterns
    rules = {rule.rule: rule.methods or set() for rule in app.url_map.iter_rules()}
    segmenting = {rule for rule, methods in rules.items() if "POST" in methods and route(app, "POST", rule).segments}
    assert len(segmenting) == 4
    assert {rule for rule in rules if re.fullmatch(pattern, rule)} == segmenting
