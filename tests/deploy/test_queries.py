"""The PromQL of the dashboard, of the alerts and of KEDA's trigger is valid, and uses metrics that the service has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from app import create_app
from config import Settings
from core.outputs import OUTPUTS
from tests.support.application import gated, route
from tests.support.manifests import DEPLOY, find, queue_trigger
from tests.support.paths import ROOT
from tests.support.service import TIMEOUT

# Labels that Prometheus and its operator add to all samples, and its own metric.
SCRAPE_LABELS = {"instance", "job", "namespace", "pod"}
UP = "up"
ALERTS, PROMETHEUS = DEPLOY / "alerts.yaml", DEPLOY / "prometheus.yml"
Samples = list[tuple[str, dict[str, str]]]


def queries() -> Iterator[str]:
    """Yield the PromQL of the dashboard, with values for its variables, of the alerts, and of KEDA's trigger."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            [(metric, label)] = re.findall(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            yield f"count by ({label}) ({metric})"
    yield from (rule["expr"] for rule in alerts())
    yield queue_trigger()["query"]


def alerts() -> list[dict[str, Any]]:
    """Return the alert rules."""
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def parse(query: str) -> tuple[list[promql_parser.VectorSelector], set[str]]:
    """Return the selectors and the labels in `query`. Raises ValueError if it is not PromQL."""
    selectors: list[promql_parser.VectorSelector] = []
    labels: set[str] = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name, query
            selectors.append(node)
            labels.update(matcher.name for matcher in node.matchers.matchers)
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            labels.update(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(query), visit)
    return selectors, labels


def test_queries_are_valid_promql() -> None:
    for query in queries():
        selectors, _ = parse(query)
        names = [selector.name or "" for selector in selectors]
        assert all(name.startswith(("segmenter_", "process_")) or name == UP for name in names), query


def test_parse_of_invalid_promql_raises_value_error() -> None:
    with pytest.raises(ValueError, match="invalid promql"):
        parse("sum by (rate(segmenter_requests_total[1m]))")


def scraped(client: Client) -> Samples:
    """Return the name and the labels of each sample that Prometheus gets."""
    [endpoint] = find("ServiceMonitor", "overlays/monitoring")["spec"]["endpoints"]
    response = client.get(endpoint["path"])
    assert response.status_code == 200
    families = text_string_to_metric_families(response.text)
    return [(sample.name, sample.labels) for family in families for sample in family.samples]


def selects(selector: promql_parser.VectorSelector, name: str, labels: dict[str, str]) -> bool:
    """Return whether `selector` has a sample, whatever the labels are that Prometheus adds."""
    wanted = [matcher for matcher in selector.matchers.matchers if matcher.name not in SCRAPE_LABELS]
    assert all(matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.Re) for matcher in wanted)
    patterns = [
        (matcher.name, matcher.value if matcher.op == promql_parser.MatchOp.Re else re.escape(matcher.value))
        for matcher in wanted
    ]
    return name == selector.name and all(re.fullmatch(value, labels.get(label, "")) for label, value in patterns)


def test_queries_have_data_before_the_first_photo() -> None:
    app = create_app(Settings(image_size=65))
    app.extensions["model"].loading.result(TIMEOUT)
    samples = scraped(gated(app))
    known_labels = {label for _, labels in samples for label in labels} | SCRAPE_LABELS
    for query in queries():
        selectors, labels = parse(query)
        assert labels <= known_labels, query
        for selector in selectors:
            assert selector.name == UP or any(selects(selector, *sample) for sample in samples), query


def test_queries_of_missing_label_or_metric_have_no_data() -> None:
    samples: Samples = [("segmenter_requests_total", {"path": "/model/predict", "status": "200"})]
    for query, found in {
        'segmenter_requests_total{path=~"/model/.*", instance="a"}': True,
        'segmenter_requests_total{status="503"}': False,
        "segmenter_images_total": False,
    }.items():
        [selector], _ = parse(query)
        assert any(selects(selector, *sample) for sample in samples) == found


def test_alerts_have_names_severities_and_texts_with_labels_of_their_queries() -> None:
    rules, page = alerts(), (ROOT / "docs" / "operating.md").read_text()
    assert set(re.findall(r"`(Segmenter\w+)`", page)) == {rule["alert"] for rule in rules}
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}
        _, labels = parse(rule["expr"])
        used = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
        assert used <= labels | SCRAPE_LABELS, rule["alert"]
        if "sum(" in rule["expr"] or "sum by (le)" in rule["expr"]:
            assert not used, rule["alert"]


def test_alerts_and_configuration_pass_promtool() -> None:
    if not (promtool := shutil.which("promtool")):
        pytest.skip("there is no promtool on this machine")
    for command in (["check", "rules", str(ALERTS)], ["check", "config", str(PROMETHEUS)]):
        run = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_queries_of_dashboard_count_every_route_that_segments(app: Flask) -> None:
    patterns = {pattern for query in queries() for pattern in re.findall(r'path=~"(.+?)"', query)}
    [pattern] = patterns
    rules = {rule.rule: rule.methods or set() for rule in app.url_map.iter_rules()}
    segmenting = {rule for rule, methods in rules.items() if "POST" in methods and route(app, "POST", rule).segments}
    assert len(segmenting) == 4 + len(OUTPUTS)
    assert {rule for rule in rules if re.fullmatch(pattern, rule)} == segmenting
