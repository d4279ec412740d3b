"""[L-55] Figures for Prometheus, and the dashboard and the alerts that go by them."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.reports.standing import STATES
from tests.support.fleet.pages import PAGES, lively, served
from tests.support.observers.prometheus_text import read_metrics
from tests.support.repository import REPOSITORY

MONITORING = REPOSITORY / "examples" / "monitoring"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    office = lively(tmp_path_factory.mktemp("office"), time.time())
    office.take([b"", *office.ships["MV Hope"].alive(1)])
    with served(office) as browser:
        yield read_metrics(browser.text("/metrics"))
    office.database.close()


def test_the_same_from_either_database(tmp_path: Path, where: str | Path) -> None:
    office = lively(tmp_path, time.time(), where)
    with served(office) as browser:
        found = read_metrics(browser.text("/metrics"))
        assert value(found, "unrep_fleet_outage_seconds_total") > 122 and len(found) > 100
        for path in PAGES.values():
            browser.text(path)
        assert browser.log_in("nobody\0").status == 401


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_what_prometheus_reads(samples: Samples) -> None:
    assert value(samples, "unrep_fleet_ships", ring="stable", state="stranded") == 1
    assert value(samples, "unrep_fleet_ship_state", ship="MV <b>Bold</b> & Sons", ring="canary", state="went-back") == 1
    assert value(samples, "unrep_fleet_ship_silent_seconds", ship="MV Mercy", ring="canary") == pytest.approx(
        86_400, abs=300
    )
    assert value(samples, "unrep_fleet_rollout", version="1.0.2", state="paused") == 1
    assert value(samples, "unrep_fleet_rollout_ships", version="1.0.2", ring="canary", how="failed") == 2
    assert value(samples, "unrep_fleet_runs_total", outcome="rolled-back") == 2
    assert value(samples, "unrep_fleet_outage_seconds_total") > 122


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
def test_dashboard_and_alerts_ask_for_what_is_there(samples: Samples, name: str) -> None:
    text = (MONITORING / name).read_text(encoding="utf-8")
    asked = set(re.findall(r"\bunrep_\w+", text))
    missing = asked - {metric for metric, _ in samples} - {"unrep_fleet_apart"}
    assert len(asked) >= 5 and not missing
    states = {state for found in re.findall(r'state=~?\\?"([^"\\]+)', text) for state in found.split("|")}
    assert states and states <= {*STATES, "paused"}
    labels = set(re.findall(r"\{\{ ?\$?(?:labels\.)?(\w+) ?\}\}", text)) - {"value", "__name__"}
    known = {label for _, pairs in samples for label, _ in pairs} | {"why"}
    assert labels and labels <= known


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads((MONITORING / "grafana.json").read_text(encoding="utf-8"))
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places) >= 8 and all(panel["targets"][0]["expr"] for panel in dashboard["panels"])
