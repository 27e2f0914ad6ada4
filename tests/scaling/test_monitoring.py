"""The alert rules, their unit tests, and the dashboard: they use only metrics that are exported, and every alert has a
runbook.
"""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from scaling.local_proxies import ROOT
from videobroker.broker import Broker
from videobroker.storage import background_work
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.usecases.operations.metrics import DatabaseMetrics

PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "videobroker.json"
RUNBOOK = ROOT / "docs" / "how-to" / "operate.md"
REFERENCE = ROOT / "docs" / "reference" / "metrics.md"

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")

Rule = dict[str, Any]


def rules() -> list[Rule]:
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return [each for each in json.loads(DASHBOARD.read_text())["panels"] if each["type"] != "row"]


def dashboard_expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def named_metrics(expression: str) -> set[str]:
    """The metrics in an expression; without strings, which are values of labels."""
    return set(re.findall(r"\b(?:videobroker|process)_\w+", re.sub(r'"[^"]*"', "", expression)))


async def exported_metrics(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of all samples, also of those that have no value yet."""
    usual = background_work.read

    async def read_with_worker(unit_of_work: UnitOfWork, **arguments: Any) -> background_work.BackgroundWork:
        # The heartbeat is absent until a worker has run.
        return replace(await usual(unit_of_work, **arguments), worker_silence=timedelta(seconds=1))

    monkeypatch.setattr(background_work, "read", read_with_worker)
    rendered = (generate_latest() + await DatabaseMetrics().render(broker)).decode()
    found: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", rendered, flags=re.MULTILINE):
        found |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    return found


def run_promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_alerts_and_dashboard_use_only_exported_metrics(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    used = set[str]().union(*map(named_metrics, [*(rule["expr"] for rule in rules()), *dashboard_expressions()]))
    assert len(used) > 20
    assert used - await exported_metrics(broker, monkeypatch) == set()


async def test_every_metric_is_documented(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    exported = {name for name in await exported_metrics(broker, monkeypatch) if name.startswith("videobroker_")}
    # Of a histogram, the page has the name without the suffix. The client library adds the time of creation.
    names = {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in exported if not name.endswith("_created")}
    documented = set(re.findall(r"^\| `(videobroker_\w+)` \|", REFERENCE.read_text(), flags=re.MULTILINE))
    assert names == documented


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_a_severity_a_summary_and_a_runbook(rule: Rule) -> None:
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook_url"].endswith(f"/how-to/operate.html#{rule['alert'].lower()}")
    section = re.search(rf"^### {rule['alert']}\n(.+?)(?=^##|\Z)", RUNBOOK.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert section is not None
    assert "`" in section[1] or "```" in section[1], "the section names no command"


def test_every_runbook_is_of_an_alert() -> None:
    sections = re.findall(r"^### (Videobroker\w+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
    assert sections == [rule["alert"] for rule in rules()]


def test_no_metric_has_a_label_with_tenant_or_personal_data(broker: Broker) -> None:
    labels = set(re.findall(r'[{,](\w+)="', generate_latest().decode()))
    assert labels <= {
        "operation", "status", "le", "reason", "policy", "batcher", "table", "task", "vendor", "outcome", "type",
        "implementation", "major", "minor", "patchlevel", "version", "generation",
    }  # fmt: skip


def test_every_alert_is_tested_for_firing_and_for_silence() -> None:
    tests = yaml.safe_load((PROMETHEUS / "alerts.test.yaml").read_text())["tests"]
    expectations = [each for test in tests for each in test["alert_rule_test"]]
    firing = {each["alertname"] for each in expectations if each["exp_alerts"]}
    silent = {each["alertname"] for each in expectations if not each["exp_alerts"]}
    assert firing == silent == {rule["alert"] for rule in rules()}


@needs_promtool
def test_promtool_accepts_the_rules_and_their_tests() -> None:
    run_promtool("check", "rules", "alerts.yaml")
    run_promtool("test", "rules", "alerts.test.yaml")


@needs_promtool
def test_promtool_accepts_the_example_of_a_configuration() -> None:
    run_promtool("check", "config", "prometheus.example.yaml")


@needs_promtool
@pytest.mark.parametrize("number", range(len(dashboard_expressions())))
def test_promtool_can_parse_the_queries_of_the_dashboard(number: int, tmp_path: Path) -> None:
    expression = dashboard_expressions()[number].replace("$__rate_interval", "5m")
    rule = {"groups": [{"name": "dashboard", "rules": [{"record": "panel", "expr": expression}]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule))
    run_promtool("check", "rules", str(tmp_path / "rules.yaml"))


def test_the_panels_of_the_dashboard_do_not_overlap_and_have_one_data_source() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        covered = {
            (column, line)
            for column in range(place["x"], place["x"] + place["w"])
            for line in range(place["y"], place["y"] + place["h"])
        }
        assert not covered & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        cells |= covered
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
