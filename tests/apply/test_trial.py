"""A release on trial: health, going back, trouble, a disk that is full at the worst moment. spec/apply.md."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apply.audit.run import Run, record_success, working
from apply.errors import Degraded, RolledBack
from tests.support.machines.wine_junctions import UNDER_WINE
from tests.support.repository import REPOSITORY
from tests.support.sites.site import QUIET, Ship, filled, on_a_small_disk, shore

SECOND = ("1.0.1", 2, "1.0.0")
DEADLINE_S = 10 if UNDER_WINE else 1.5  # the old version must be found healthy within it, by a command that starts


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


class TestForward:
    def test_the_intent_and_the_attempt_are_durable_before_the_start(self, ship: Ship) -> None:
        """[A-20]: as an application sees them that reads the record while it starts, in the environment it is given."""
        code = (
            "import os; from pathlib import Path;"
            "from apply.record.database import read_state; from apply.site.layout import Site;"
            "from bundle.read.tree import scan;"
            "site = Path(os.environ['UNREP_SITE']); pending = read_state(Site.at(site)).pending;"
            "tree = scan(site / 'versions' / '1.0.1').tree_hash.hex();"
            "(site.parent / 'app' / 'seen').write_text(f'{pending.version} {pending.attempts} {tree}');"
            "(site.parent / 'app' / 'running').write_text('1.0.1')"
        )
        program = ship.app / "program.py"
        program.write_text(f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); {code}")
        text = (ship.root / "unrep.toml").read_text()
        line = next(line for line in text.splitlines() if line.startswith("restart"))
        (ship.root / "unrep.toml").write_text(text.replace(line, f"restart = ['{sys.executable}', '{program}']"))
        ship.apply(shore().bundle(*SECOND))
        assert (ship.app / "seen").read_text() == f"1.0.1 1 {shore().tree('1.0.1')}"

    def test_it_is_proven_when_it_is_committed(self, ship: Ship) -> None:
        """[A-25]"""
        ship.apply(shore().bundle(*SECOND))
        assert ship.state.current and ship.state.current.proven and ship.state.pending is None

    def test_so_many_rounds_in_a_row(self, ship: Ship) -> None:
        """[A-21]: the rules of the window are tested in test_health.py."""
        ship.configure(consecutive_passes=3)
        report = ship.apply(shore().bundle(*SECOND))
        assert ship.calls[-3:] == ["health 1.0.1 current=1.0.1"] * 3
        assert report.reason == "every required check passed 3 times in a row"

    def test_wanted_checks_decide_nothing_and_are_told(self, ship: Ship) -> None:
        """[A-21]"""
        argv = json.dumps([sys.executable, "-c", "raise SystemExit(1)"])
        ship.configure(extra=f'[[health]]\ntype = "command"\nargv = {argv}\nrequirement = "wanted"\n')
        report = ship.apply(shore().bundle(*SECOND))
        assert report.outcome == "applied"
        assert re.search("though not as wished: command .*SystemExit.* exited with 1", report.reason)


class TestBack:
    @pytest.mark.parametrize("how", ["health", "restart"])
    def test_a_release_that_fails_is_rolled_back(self, ship: Ship, how: str) -> None:
        """[A-21], [A-22]: `current` moves before anything else is done."""
        if how == "health":
            ship.configure(deadline_s=DEADLINE_S)
            name, failure = "sick", f"not healthy within {DEADLINE_S:g} s: command .*health"
        else:
            name, failure = "dead", "restart: .* exited with 1, its last line: restart is broken"
        with pytest.raises(
            RolledBack, match=rf"^version {name} failed: {failure}.*; version 1\.0\.0 runs again$"
        ) as raised:
            ship.apply(shore().bundle(name, 2, "1.0.0"))
        calls = [call for call in ship.calls if not call.startswith(("prepare", "snapshot"))]
        assert calls[0] == f"restart {name} current={name}"
        assert calls[-3:] == [
            "restore 1.0.0 current=1.0.0",
            "restart 1.0.0 current=1.0.0",
            "health 1.0.0 current=1.0.0",
        ]
        ship.check_sound()
        assert [q.tree for q in ship.state.quarantined] == [shore().tree(name)]
        document = raised.value.document
        assert document and (document["outcome"], document["from"], document["to"]) == ("rolled-back", "1.0.0", "1.0.0")
        steps = list(document["steps"])
        assert steps[steps.index("switch_back") :] == ["switch_back", "restore", "restart_back", "health_back"]
        assert ship.runs[-1]["outcome"] == "rolled-back"

    def test_a_switch_that_fails_is_a_failure_of_the_version(self, ship: Ship) -> None:
        """[A-21]: here its tree vanishes before the switch."""
        # Out of the tree first, for Windows does not remove the directory that a process stands in.
        code = "import os, shutil; os.chdir(os.environ['UNREP_SITE']); shutil.rmtree('versions/1.0.1')"
        text = (ship.root / "unrep.toml").read_text()
        line = next(line for line in text.splitlines() if line.startswith("command"))
        (ship.root / "unrep.toml").write_text(
            text.replace(line, f"command = {json.dumps([sys.executable, '-c', code])}")
        )
        with pytest.raises(RolledBack, match=r"version 1\.0\.1 failed: .*1\.0\.1 is not the directory of a version"):
            ship.apply(shore().bundle(*SECOND))
        ship.check_sound()

    def test_the_data_is_put_back_that_the_old_version_had(self, ship: Ship) -> None:
        """[A-18]"""
        (ship.app / "data").write_text("what 1.0.0 wrote")
        ship.order("fail-restart-1.0.1")
        with pytest.raises(RolledBack):
            ship.apply(shore().bundle(*SECOND))
        assert (ship.app / "saved-1.0.0").read_text() == "what 1.0.0 wrote"
        assert [call for call in ship.calls if call.startswith(("snapshot", "restore"))] == [
            "snapshot 1.0.0 current=1.0.0",
            "restore 1.0.0 current=1.0.0",
        ]

    @pytest.mark.parametrize("step", ["restart-1.0.0", "restore", "health-1.0.0"])
    def test_the_old_version_does_not_come_back_either(self, ship: Ship, step: str) -> None:
        """[A-23]: degraded, `current` on the old version, and cured by the next run."""
        ship.configure(deadline_s=1.5)
        ship.order("fail-restart-1.0.1", f"fail-{step}")
        with pytest.raises(Degraded, match=r"going back to version 1\.0\.0 failed: .*run 'unrep recover'"):
            ship.apply(shore().bundle(*SECOND))
        state = ship.state
        assert state.condition == "degraded" and state.pending and "is broken" in state.pending.trouble
        assert ship.current == "1.0.0" and state.current_version == "1.0.0"
        assert ship.runs[-1]["outcome"] == "degraded"
        with pytest.raises(Degraded):
            ship.recover()
        ship.configure()
        ship.relieve(f"fail-{step}")
        with pytest.raises(RolledBack, match=r"version 1\.0\.0 runs again"):
            ship.recover()
        ship.check_sound()
        assert ship.state.condition == "ok"

    def test_a_degraded_site_admits_a_new_release(self, ship: Ship) -> None:
        """[A-23]"""
        ship.order("fail-restart-1.0.1", "fail-restart-1.0.0")
        with pytest.raises(Degraded):
            ship.apply(shore().bundle(*SECOND))
        report = ship.apply(shore().bundle("1.0.2", 3, "1.0.0"))
        assert report.outcome == "applied"
        ship.check_sound()

    def test_but_not_the_one_that_failed(self, ship: Ship) -> None:
        """[A-30]"""
        ship.order("fail-restart-1.0.1", "fail-restart-1.0.0")
        for _ in range(2):
            with pytest.raises(Degraded):
                ship.apply(shore().bundle(*SECOND))
        ship.relieve("fail-restart-1.0.0")
        with pytest.raises(RolledBack):
            ship.apply(shore().bundle(*SECOND))
        ship.check_sound()


class TestAFirstInstallThatFails:
    """[A-23]: there is nothing to go back to."""

    def test_it_is_degraded_and_a_later_release_cures_it(self, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        with pytest.raises(Degraded, match="there is no earlier version to go back to, apply a release that works"):
            ship.apply(shore().bundle("dead", 1))
        assert ship.state.condition == "degraded" and ship.state.current is None and ship.current == "dead"
        assert ship.apply(shore().bundle("1.0.0", 2)).outcome == "applied"
        ship.check_sound()
        assert ship.state.last_good is None, "what never was healthy is nothing to go back to"

    def test_so_does_the_same_one_when_what_was_wrong_is_mended(self, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        ship.order("fail-restart")
        for _ in range(5):  # as often as it takes
            with pytest.raises(Degraded):
                ship.apply(shore().bundle("1.0.0", 1))
        ship.relieve("fail-restart")
        assert ship.apply(shore().bundle("1.0.0", 1)).outcome == "applied"
        ship.check_sound()


class TestAFullDisk:
    """After the switch it does not mean "nothing changed": the old version serves, or the new one does."""

    @pytest.fixture
    def afloat(self, tmp_path: Path) -> Iterator[Ship]:
        with on_a_small_disk(tmp_path, "1.0.0") as ship:
            yield ship

    def test_at_commit_time(self, afloat: Ship) -> None:
        afloat.order("fill-health")
        with pytest.raises(
            Degraded, match=r"version 1\.0\.1 is healthy, which cannot be recorded: .*no space left"
        ) as raised:
            afloat.apply(shore().bundle(*SECOND))
        assert "run 'unrep recover'" in str(raised.value) and afloat.current == afloat.running == "1.0.1"
        assert afloat.state.condition == "pending"
        (afloat.root / "filler").unlink()
        afloat.relieve("fill-health")
        assert afloat.recover().to_version == "1.0.1"
        afloat.check_sound()

    def test_which_is_why_the_new_version_fails(self, afloat: Ship) -> None:
        """The old version is started again, though nothing can be recorded."""
        afloat.order("fill-restart", "fail-restart-1.0.1")
        with pytest.raises(
            Degraded, match=r"version 1\.0\.1 failed: .*going back to version 1\.0\.0 failed: .*no space"
        ):
            afloat.apply(shore().bundle(*SECOND))
        assert afloat.current == afloat.running == "1.0.0"
        (afloat.root / "filler").unlink()
        afloat.relieve("fill-restart")
        with pytest.raises(RolledBack):
            afloat.recover()
        afloat.check_sound()
        assert [q.version for q in afloat.state.quarantined] == ["1.0.1"]

    def test_when_only_the_record_of_the_run_is_lost(self, afloat: Ship) -> None:
        """[A-8]: the run has ended well all the same, and its report says what is missing."""
        run = Run("apply", afloat.site, QUIET)
        with working(run) as record, filled(afloat.root):
            reports = [record_success(run, record, run.report("applied", "1.0.1", "healthy")) for _ in range(20)]
        assert {report.outcome for report in reports} == {"applied"}
        assert "healthy; this run could not be recorded: " in reports[-1].reason
