"""Figures for a monitoring system [A-87]: what is counted, in a format that a strict reader accepts."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from apply.audit.history import read_history
from apply.audit.metrics import Tally, families
from apply.errors import Degraded, RolledBack
from apply.record.recorded_run import RecordedRun
from apply.record.release import Release
from apply.record.state import SiteState
from apply.record.trouble import Trouble
from bundle.names.exposition import exposition
from tests.support.observers.prometheus_text import read_metrics
from tests.support.sites.records import recorded
from tests.support.sites.site import Ship, interrupted, shore


def counted(*runs: dict[str, object], state: SiteState = SiteState()) -> dict[str, float]:  # noqa: B008
    """The samples of those runs, by "name{label=value,...}"."""
    tally = Tally()
    for run in runs:
        tally.add(msgspec.convert(run, RecordedRun))
    return shown(exposition(families(state, tally, program="1.2.3", intact=True, receipts=4)))


def of(ship: Ship) -> dict[str, float]:
    tally = Tally()
    read_history(ship.site, 1, tally.add)
    return shown(exposition(families(ship.state, tally, program="1.2.3", intact=True, receipts=0)))


def shown(text: str) -> dict[str, float]:
    return {
        name + ("{" + ",".join(f"{label}={value}" for label, value in sorted(labels)) + "}" if labels else ""): value
        for (name, labels), value in read_metrics(text).items()
    }


def test_a_site_where_nothing_ever_happened() -> None:
    figures = counted()
    assert figures["unrep_info{version=1.2.3}"] == 1 and figures["unrep_site_state{state=empty}"] == 1
    assert figures["unrep_deploy_seconds_count"] == figures["unrep_failures_total"] == 0
    assert figures["unrep_recovery_seconds_count{after=failed-verdict}"] == 0
    assert not any(name.startswith(("unrep_release_info", "unrep_runs_total")) for name in figures)


def test_runs_are_counted_by_how_they_ended() -> None:
    """[A-87]: what a person rolled back is no failure, a release that was taken back is one."""
    back = {"outcome": "rolled-back", "command": "rollback", "from_version": "1.0.1", "to": "1.0.0"}
    taken_back = {"outcome": "rolled-back", "from_version": "1.0.0", "to": "1.0.0"}
    figures = counted(
        recorded(),
        recorded(),
        recorded(outcome="refused"),
        recorded(outcome="degraded"),
        recorded(outcome="interrupted"),
        recorded(**taken_back),
        recorded(**back),
        recorded(outcome="already-current"),
        recorded(outcome="nothing-to-do", command="gc"),
    )
    assert figures["unrep_runs_total{command=apply,outcome=applied}"] == 2
    assert figures["unrep_runs_total{command=rollback,outcome=rolled-back}"] == 1
    assert figures["unrep_failures_total"] == 4
    assert sum(value for name, value in figures.items() if name.startswith("unrep_runs_total")) == 9


def test_seconds_and_bytes_add_up() -> None:
    recoveries = [{"after": "failed-verdict", "seconds": 0.03}, {"after": "unfinished-run", "seconds": 4000}]
    figures = counted(recorded(seconds=0.4), recorded(seconds=7, recoveries=recoveries), recorded(outcome="refused"))
    assert figures["unrep_deploy_seconds_count"] == 2 and figures["unrep_deploy_seconds_sum"] == 7.4
    buckets = [figures[f"unrep_deploy_seconds_bucket{{le={le}}}"] for le in ("0.1", "0.5", "5", "10", "+Inf")]
    assert buckets == [0, 1, 1, 2, 2]
    assert figures["unrep_recovery_seconds_bucket{after=failed-verdict,le=0.05}"] == 1
    assert figures["unrep_recovery_seconds_bucket{after=unfinished-run,le=3600}"] == 0
    assert figures["unrep_recovery_seconds_sum{after=unfinished-run}"] == 4000
    assert (
        figures["unrep_step_seconds_sum{step=verify}"] == 1.5 and figures["unrep_step_seconds_count{step=verify}"] == 3
    )
    assert (figures["unrep_bundle_bytes_total"], figures["unrep_release_bytes_total"]) == (3000, 150_000)
    assert figures["unrep_last_run_timestamp_seconds"] == 1_795_507_200


def test_any_text_in_a_label_is_escaped() -> None:
    """[A-95]"""
    release = Release(version="1.0.1", seq=2, tree="ab", platform="any", bundle="cd")
    state = SiteState(product='a"b\\c\nd', current_version="1.0.1", releases=(release,))
    assert counted(state=state)['unrep_release_info{product=a"b\\c\\nd,seq=2,tree=ab,version=1.0.1}'] == 1


def test_a_voyage_with_a_failed_release(tmp_path: Path) -> None:
    """[A-87]: the recovery is counted from the verdict to the old version's health, and is part of the run."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 2, "1.0.0"))
    (recovery,) = ship.runs[-1]["recoveries"]
    steps = ship.runs[-1]["steps"]
    way_back = sum(steps[name] for name in ("switch_back", "restore", "restart_back", "health_back"))
    assert recovery["after"] == "failed-verdict" and way_back <= recovery["seconds"] < ship.runs[-1]["seconds"]
    figures = of(ship)
    assert figures["unrep_recovery_seconds_count{after=failed-verdict}"] == 1 == figures["unrep_failures_total"]
    assert figures["unrep_recovery_seconds_count{after=unfinished-run}"] == 0
    assert figures["unrep_deploy_seconds_count"] == 1 == figures["unrep_site_state{state=ok}"]
    assert figures["unrep_quarantined_releases"] == 1
    assert figures["unrep_bundle_bytes_total"] > 1000


def test_an_outage_begins_with_the_switch(tmp_path: Path) -> None:
    """[A-153]: a sick release is out for its whole health window, of which the recovery after its verdict is a part."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.configure(deadline_s=2.5)
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("sick", 2, "1.0.0"))
    run = ship.runs[-1]
    (recovery,) = run["recoveries"]
    assert 2.5 <= run["outage_seconds"] < run["seconds"] and recovery["seconds"] < run["outage_seconds"] - 2.4
    figures = of(ship)
    assert figures["unrep_outage_seconds_count"] == 1 and figures["unrep_outage_seconds_sum"] == run["outage_seconds"]
    assert figures["unrep_outage_seconds_bucket{le=2.5}"] == 0
    ship.apply(shore().bundle("1.0.1", 3, "1.0.0"))
    assert 0 < ship.runs[-1]["outage_seconds"] < ship.runs[-1]["seconds"], "an update that is applied is out, too"


def test_an_outage_goes_on_over_a_run_that_died(tmp_path: Path) -> None:
    """[A-153]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("wait-restart")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    assert ship.runs[-1]["outage_seconds"] == 0, "it is not over"
    ship.relieve("wait-restart")
    time.sleep(1.5)
    ship.recover()
    assert ship.runs[-1]["outage_seconds"] > ship.runs[-1]["seconds"] + 1.4


def test_a_degraded_site_is_out_until_another_release_serves(tmp_path: Path) -> None:
    """[A-153] [A-23]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("fail-restart")
    with pytest.raises(Degraded):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    time.sleep(1.0)
    with pytest.raises(Degraded):
        ship.recover()
    ship.relieve("fail-restart")
    ship.order("fail-restart-1.0.0")
    time.sleep(1.0)
    ship.apply(shore().bundle("1.0.2", 3, "1.0.0"))
    assert ship.current == "1.0.2" and ship.runs[-1]["outage_seconds"] > 2


def test_a_first_install_is_no_outage(tmp_path: Path) -> None:
    """[A-153]"""
    assert Ship.sailing(tmp_path, "1.0.0").runs[0]["outage_seconds"] == 0


def test_the_bytes_of_an_update(tmp_path: Path) -> None:
    """[A-87]: of the bundle only what this site read of it, of the release all of it."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    bundle = shore().bundle("1.0.1", 2, "1.0.0", full=True)
    ship.apply(bundle)
    run = ship.runs[-1]
    assert 0 < run["bundle_bytes"] < bundle.stat().st_size / 2, "the full section was counted, too"
    files = [path for path in shore().release("1.0.1").rglob("*") if path.is_file()]
    assert run["release_bytes"] == sum(path.stat().st_size for path in files)
    ship.roll_back()
    assert (ship.runs[-1]["bundle_bytes"], ship.runs[-1]["release_bytes"]) == (0, 0)


def test_a_run_that_died_is_recovered_from_when_it_was_last_heard_of(tmp_path: Path) -> None:
    """[A-87]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("wait-restart")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.relieve("wait-restart")
    assert ship.runs[-1]["outcome"] == "interrupted" and not ship.runs[-1]["recoveries"]
    assert ship.recover().outcome == "applied" and ship.current == "1.0.1"
    (recovery,) = ship.runs[-1]["recoveries"]
    assert recovery["after"] == "unfinished-run"
    assert recovery["seconds"] >= ship.runs[-1]["seconds"] * 0.5, "it was counted from the recovery, not from the death"
    assert ship.runs[-1]["release"]["version"] == "1.0.1"
    ship.recover()
    assert not ship.runs[-1]["recoveries"], "nothing was pending"


def test_a_run_that_recovers_twice(tmp_path: Path) -> None:
    """[A-87]: first what a dead run left, then its own release, which fails."""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("wait-restart")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.relieve("wait-restart")
    with pytest.raises(RolledBack):
        ship.apply(shore().bundle("dead", 3, "1.0.1"))
    assert ship.current == "1.0.1"
    assert [recovery["after"] for recovery in ship.runs[-1]["recoveries"]] == ["unfinished-run", "failed-verdict"]


def test_a_degraded_site_is_recovered_once(tmp_path: Path) -> None:
    """[A-87]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("fail-restart")
    attempts: list[Callable[[], object]] = [lambda: ship.apply(shore().bundle("1.0.1", 2, "1.0.0")), ship.recover]
    for attempt in attempts:
        with pytest.raises(Degraded):
            attempt()
        assert not ship.runs[-1]["recoveries"]
    ship.relieve("fail-restart")
    with pytest.raises(RolledBack):
        ship.recover()
    assert [recovery["after"] for recovery in ship.runs[-1]["recoveries"]] == ["unfinished-run"]
    assert of(ship)["unrep_recovery_seconds_count{after=unfinished-run}"] == 1


@pytest.mark.parametrize("shift_s", [-(10**9), 10**9])
def test_a_clock_that_was_set_meanwhile_spoils_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift_s: int
) -> None:
    """[A-87]"""
    ship = Ship.sailing(tmp_path, "1.0.0")
    ship.order("wait-restart")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
    ship.relieve("wait-restart")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + shift_s)
    with suppress(RolledBack):  # a day may have passed, and then it is taken back
        ship.recover()
    assert ship.state.pending is None and not ship.runs[-1]["recoveries"]


def test_what_the_agent_found_wrong() -> None:
    """[A-151]"""
    state = SiteState(troubles=(Trouble(kind="unhealthy", since=1, reason="sick"),))
    assert counted(state=state)["unrep_trouble{kind=unhealthy}"] == 1
    assert counted(state=state)["unrep_trouble{kind=drifted}"] == 0 == counted()["unrep_trouble{kind=unhealthy}"]
