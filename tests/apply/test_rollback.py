"""Going back by hand: where to, what for, and what a trial that was cut short makes of it. spec/apply.md, section 5."""

from pathlib import Path

import pytest

from apply.errors import BaseDrifted, Degraded, PreflightRefused, RolledBack, StepFailed
from apply.record.state import Quarantined
from tests.support.sites.site import Ship, interrupted, shore, spelled


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0", "1.0.1", "1.0.2")


def cut_short(ship: Ship) -> None:
    """An update to "1.0.3", seq 4, that is interrupted while its health is watched."""
    ship.order("wait-health")
    with interrupted(ship):
        ship.apply(shore().bundle("1.0.3", 4))
    ship.relieve("wait-health")
    assert ship.calls and ship.current == "1.0.3" and ship.state.condition == "pending"


class TestWhereTo:
    """[A-26]"""

    def test_the_last_good_version_through_a_trial_without_touching_data(self, ship: Ship) -> None:
        report = ship.roll_back()
        assert (report.outcome, report.from_version, report.to_version) == ("rolled-back", "1.0.2", "1.0.1")
        assert ship.calls == ["restart 1.0.1 current=1.0.1", "health 1.0.1 current=1.0.1"]
        ship.check_sound()
        assert ship.runs[-1]["command"] == "rollback" and ship.runs[-1]["release"]["version"] == "1.0.1"

    def test_again_and_again_until_there_is_none(self, ship: Ship) -> None:
        assert [ship.roll_back().to_version for _ in range(2)] == ["1.0.1", "1.0.0"]
        with pytest.raises(PreflightRefused, match="there is no earlier version that was healthy here"):
            ship.roll_back()
        ship.check_sound()

    def test_a_named_version_back_and_forth(self, ship: Ship) -> None:
        for version in ("1.0.0", "1.0.2", "1.0.1"):
            assert ship.roll_back(version).to_version == version
            ship.check_sound()

    def test_to_where_it_is(self, ship: Ship) -> None:
        report = ship.roll_back("1.0.2")
        assert (report.outcome, report.reason) == ("nothing-to-do", "1.0.2 is current already")
        assert ship.calls == []

    def test_to_what_is_not_aboard(self, ship: Ship) -> None:
        with pytest.raises(PreflightRefused, match=r"version 9 is not aboard; aboard: 1\.0\.0, 1\.0\.1, 1\.0\.2"):
            ship.roll_back("9")

    def test_an_empty_site(self, tmp_path: Path) -> None:
        with pytest.raises(PreflightRefused, match="nothing to go back to"):
            Ship(tmp_path).roll_back()

    def test_its_tree_is_hashed_before_the_switch(self, ship: Ship) -> None:
        ship.spoil("1.0.1", "docs/guide.txt")
        with pytest.raises(BaseDrifted, match=f"{spelled('1.0.1/docs/guide.txt')}: has changed"):
            ship.roll_back()
        assert ship.current == "1.0.2" and ship.calls == []

    def test_one_that_is_not_healthy_is_not_stayed_at(self, ship: Ship) -> None:
        ship.order("fail-restart-1.0.1")
        with pytest.raises(RolledBack, match=r"version 1\.0\.1 failed: .*; version 1\.0\.2 runs again"):
            ship.roll_back()
        ship.check_sound()
        assert not [call for call in ship.calls if call.startswith("restore")], "no snapshot was made for this"


class TestData:
    """[A-26]: put back only on request."""

    @pytest.fixture
    def ship(self, tmp_path: Path) -> Ship:
        ship = Ship.sailing(tmp_path, "1.0.0")
        (ship.app / "data").write_text("of 1.0.0")
        ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        (ship.app / "data").write_text("of 1.0.1")
        assert ship.calls
        return ship

    def test_on_request(self, ship: Ship) -> None:
        ship.roll_back(restore_data=True)
        assert ship.calls == [
            "snapshot 1.0.1 current=1.0.1",
            "restore 1.0.0 current=1.0.1",
            "restart 1.0.0 current=1.0.0",
            "health 1.0.0 current=1.0.0",
        ]
        assert (ship.app / "saved-1.0.1").read_text() == "of 1.0.1", "what is lost from sight is kept"

    def test_and_back_again_if_that_fails(self, ship: Ship) -> None:
        ship.order("fail-restart-1.0.0")
        with pytest.raises(RolledBack):
            ship.roll_back(restore_data=True)
        assert ship.calls[-3:] == [
            "restore 1.0.1 current=1.0.1",
            "restart 1.0.1 current=1.0.1",
            "health 1.0.1 current=1.0.1",
        ]
        ship.check_sound()

    def test_what_cannot_be_restored_stops_it(self, ship: Ship) -> None:
        ship.order("fail-restore")
        with pytest.raises(StepFailed, match="restore is broken"):
            ship.roll_back(restore_data=True)
        assert ship.current == "1.0.1" and ship.state.pending is None


class TestQuarantine:
    """[A-27]"""

    def test_what_was_rolled_back_stays_out_until_a_higher_seq(self, ship: Ship) -> None:
        ship.roll_back()
        with pytest.raises(Quarantined, match=r"rolled back by hand to 1\.0\.1"):
            ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))
        assert ship.apply(shore().bundle("1.0.2", 4, "1.0.1")).outcome == "applied"
        ship.check_sound()


class TestATrialThatWasCutShort:
    def test_of_an_update_is_given_up(self, ship: Ship) -> None:
        """[A-28]"""
        cut_short(ship)
        report = ship.roll_back()
        assert (report.outcome, report.to_version) == ("rolled-back", "1.0.2")
        assert report.reason == "version 1.0.3 was taken back by hand; version 1.0.2 runs again"
        ship.check_sound()
        assert [q.version for q in ship.state.quarantined] == ["1.0.3"]

    def test_naming_the_version_that_was_current_is_the_same(self, ship: Ship) -> None:
        cut_short(ship)
        assert ship.roll_back("1.0.2").to_version == "1.0.2"
        ship.check_sound()

    def test_naming_another_ends_the_trial_first(self, ship: Ship) -> None:
        """[A-30]"""
        cut_short(ship)
        ship.order("fail-restart-1.0.3")
        assert ship.roll_back("1.0.0").to_version == "1.0.0"
        ship.check_sound()

    def test_naming_the_one_on_trial_goes_forward(self, ship: Ship) -> None:
        cut_short(ship)
        assert ship.roll_back("1.0.3").to_version == "1.0.3"
        ship.check_sound()

    @pytest.mark.parametrize("to", [None, "1.0.1"])
    def test_of_a_rollback_goes_on_when_it_is_run_again(self, ship: Ship, to: str | None) -> None:
        """As the message about an interrupted run promises: not one version further, and not forward again."""
        ship.order("wait-health")
        with interrupted(ship):
            ship.roll_back(to)
        ship.relieve("wait-health")
        report = ship.roll_back(to)
        assert (report.outcome, report.to_version) == ("rolled-back", "1.0.1")
        ship.check_sound()
        assert [q.version for q in ship.state.quarantined] == ["1.0.2"]

    def test_of_a_rollback_may_be_given_up_by_name(self, ship: Ship) -> None:
        ship.order("wait-health")
        with interrupted(ship):
            ship.roll_back()
        ship.relieve("wait-health")
        assert ship.roll_back("1.0.2").to_version == "1.0.2"
        ship.check_sound()

    @pytest.mark.parametrize("to", [None, "1.0.0"])
    def test_of_a_first_install_cannot_be_taken_back(self, tmp_path: Path, to: str | None) -> None:
        ship = Ship(tmp_path)
        ship.order("wait-health")
        with interrupted(ship):
            ship.apply(shore().bundle("1.0.0", 1))
        ship.relieve("wait-health")
        if to is None:
            with pytest.raises(PreflightRefused, match="nothing to go back to"):
                ship.roll_back(to)
        else:
            assert ship.roll_back(to).to_version == "1.0.0"
        ship.check_sound()


class TestADegradedSite:
    @pytest.fixture
    def degraded(self, ship: Ship) -> Ship:
        ship.order("fail-restart-dead", "fail-restart-1.0.2")
        with pytest.raises(Degraded):
            ship.apply(shore().bundle("dead", 4))
        return ship

    def test_rollback_tries_again(self, degraded: Ship) -> None:
        """[A-23]"""
        with pytest.raises(Degraded):
            degraded.roll_back()
        degraded.relieve("fail-restart-1.0.2")
        assert degraded.roll_back().to_version == "1.0.2"
        degraded.check_sound()

    def test_another_version_may_be_named(self, degraded: Ship) -> None:
        assert degraded.roll_back("1.0.1").to_version == "1.0.1"
        degraded.check_sound()
        assert degraded.state.condition == "ok"

    def test_a_first_install_has_nothing_to_go_back_to(self, tmp_path: Path) -> None:
        ship = Ship(tmp_path)
        with pytest.raises(Degraded):
            ship.apply(shore().bundle("dead", 1))
        with pytest.raises(Degraded, match="there is no earlier version to go back to"):
            ship.roll_back()
        assert ship.state.condition == "degraded"
