"""Metrics are documented, and the dashboard and the alerts ask for none that there is not.

That the document is what a running process shows is in ``tests/e2e/test_operations.py``.
"""

import inspect
import json
import re
import shutil
import subprocess
from unittest.mock import MagicMock

import pytest
import yaml

import measures
from core.metrics import RECORD_SECONDS, REGISTRY, SETUP_SECONDS
from tests.rules.source import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "sunsim.json"
ROW = re.compile(
    r"^\| `(sunsim_\w+)` \| (gauge|counter|histogram) \| (?:`(\w+)`)? *\| (\S.*) \|$", re.M
)
NAME = re.compile(r"sunsim_\w+")
BY = re.compile(r"by \(([^)]*)\)")


def documented():
    """name → (kind, label) from docs/operations.md."""
    rows = ROW.findall((ROOT / "docs" / "operations.md").read_text())
    return {name: (kind, label) for name, kind, label, _ in rows}


def series():
    """The names that Prometheus stores."""
    kinds = documented()
    histograms = [name for name, (kind, _) in kinds.items() if kind == "histogram"]
    return (kinds.keys() - set(histograms)) | {
        f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")
    }


def panels():
    return [each for each in json.loads(DASHBOARD.read_text())["panels"] if each["type"] != "row"]


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions():
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
    for rule in rules():
        yield rule["alert"], rule["expr"], rule["annotations"]["summary"]


def of_plugin(name):
    """Whether a plugin counts it."""
    return name.startswith(("sunsim_notifications_", "sunsim_queue_"))


def measured(monkeypatch):
    """name → (kind, label) of what the roles register, and of what modules make for themselves."""
    made = (each for each in REGISTRY.collect() if not of_plugin(each.name))
    found = {each.name: ("histogram", "") for each in made if each.type == "histogram"}

    def register(*readings):
        for each in readings:
            kind = "counter" if each.counter else "gauge"
            found[each.name + "_total" * each.counter] = kind, each.label

    monkeypatch.setattr(measures, "register", register)
    for name in measures.__all__:
        function = getattr(measures, name)
        function(*(MagicMock() for _ in inspect.signature(function).parameters))
    return found


def test_what_is_measured_is_documented(monkeypatch):
    assert measured(monkeypatch) == {
        name: row for name, row in documented().items() if not of_plugin(name)
    }


def test_names_follow_the_conventions():
    assert len(documented()) > 30
    for name, (kind, _) in documented().items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert kind != "histogram" or name.endswith("_seconds"), name


@pytest.mark.parametrize(("where", "expression", "words"), list(expressions()))
def test_every_expression_asks_for_metrics_that_there_are(where, expression, words):
    names = set(NAME.findall(expression))
    assert names, where
    assert names <= series(), where
    plain = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} & documented().keys()
    known = {documented()[name][1] for name in plain} | {"le"}
    said = {label.strip() for group in BY.findall(expression) for label in group.split(",")}
    said |= set(re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", words))
    assert said <= known, where
    assert expression.count("(") == expression.count(")"), where


def test_every_metric_of_calls_carriers_and_media_is_on_the_dashboard():
    shown = {name for panel in panels() for t in panel["targets"] for name in NAME.findall(t["expr"])}
    assert series() - shown - {"sunsim_directory_comparisons_total", "sunsim_media_up"} == {
        *(
            f"sunsim_call_{kind}_seconds_{part}"
            for kind in ("setup", "record")
            for part in ("sum", "count")
        ),
        "sunsim_media_draining",
        "sunsim_notifications_missed_calls_total",
        "sunsim_queue_wait_seconds_sum",
        "sunsim_media_sessions",
        "sunsim_sip_bans_total",
        "sunsim_sip_challenges_total",
        "sunsim_sip_lines",
    }


def test_the_dashboard_is_one_that_grafana_imports():
    dashboard = json.loads(DASHBOARD.read_text())
    assert {"uid", "title", "schemaVersion", "panels", "templating"} <= dashboard.keys()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    places = [tuple(panel["gridPos"][side] for side in "xy") for panel in dashboard["panels"]]
    assert len(places) == len(set(places))


def test_alerts_say_what_is_wrong_and_what_to_do():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.fullmatch(r"\d+m", rule["for"])


def test_an_alert_asks_for_no_more_than_the_buckets_tell():
    """``histogram_quantile`` answers the last finite bucket at the most."""
    asked = re.compile(r"histogram_quantile\(.*?(sunsim_\w+)_bucket.*\) > ([0-9.]+)$")
    found = [match for rule in rules() if (match := asked.match(rule["expr"]))]
    last = {h._name: h._upper_bounds[-2] for h in (SETUP_SECONDS, RECORD_SECONDS)}
    assert len(found) >= 2
    for match in found:
        assert float(match[2]) < last[match[1]], match[0]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
def test_promtool_accepts_the_alerts():
    done = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
