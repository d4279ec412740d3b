"""After a run that died: killed anywhere, repeated anywhere, a site ends on the old version or the new. spec/apply.md.

The kills are real; the moments are drawn with a seed that every failure shows.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from apply.errors import Degraded, RolledBack, SiteInvalid
from apply.record.database import Record
from apply.record.state import MAX_ATTEMPTS, SiteState
from bundle.read.tree import scan
from tests.support.faults.killed_run import Action, kill, moments
from tests.support.sites.site import Ship, interrupted, shore

posix = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and /proc")
SEED = 19
SHARES = 2
KILLS_A_SHARE = 5


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def pending(
    ship: Ship, change: Callable[[SiteState], SiteState] = lambda state: state, bundle: Path | None = None
) -> None:
    """An update, to 1.0.1 if no other is given, that died while its health was being watched; `change` spoils it."""
    ship.order("wait-health")
    with interrupted(ship):
        ship.apply(bundle or shore().bundle("1.0.1", 2, "1.0.0"))
    ship.relieve("wait-health")
    record = Record(ship.site)
    record.save(change(record.state))
    record.close()
    assert ship.calls


def survived(ship: Ship, names: set[str]) -> None:
    """[A-2]: whatever happened, `current` is one whole release."""
    current = ship.current
    assert current in names
    assert scan(ship.site.tree(current)).tree_hash.hex() == shore().tree(current)


def drawn(found: dict[int, str], share: int, seed: int) -> list[tuple[int, str]]:
    print(f"seed {seed}, share {share}")  # pytest shows it with a failure
    random = Random(seed * SHARES + share)
    return [(moment, found[moment]) for moment in random.sample(sorted(found), KILLS_A_SHARE)]


@posix
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("name", ["1.0.1", "dead"])
def test_an_update_killed_anywhere(tmp_path: Path, share: int, name: str) -> None:
    """[A-17], [A-20], [A-30]: then the update is made again, whatever became of the first."""
    bundle = shore().bundle(name, 2, "1.0.0")
    action = Action.applying(bundle)
    for number, (moment, line) in enumerate(
        drawn(moments(Ship.sailing(tmp_path / "whole", "1.0.0"), action), share, SEED)
    ):
        print(f"killed at {line}, moment {moment}")
        ship = Ship.sailing(tmp_path / str(number), "1.0.0")
        kill(ship, action, moment)
        survived(ship, {"1.0.0", name})
        try:
            ship.recover()
        except RolledBack:
            assert name == "dead"
        ship.check_sound()
        assert ship.leftovers() == []
        failed = name == "dead" and "dead" in [q.version for q in ship.state.quarantined]
        next_bundle = shore().bundle("1.0.2", 3, "1.0.0") if name == "dead" else bundle
        assert ship.apply(next_bundle).outcome in ("applied", "already-current")
        ship.check_sound()
        assert ship.current == ("1.0.2" if name == "dead" else "1.0.1") and not (failed and ship.current == "dead")


@posix
@pytest.mark.parametrize("share", range(SHARES))
def test_a_rollback_killed_anywhere(tmp_path: Path, share: int) -> None:
    """[A-30]: then it is made again, and has not gone further than once."""
    action = Action("rollback")
    names = ("1.0.0", "1.0.1", "1.0.2")
    for number, (moment, line) in enumerate(
        drawn(moments(Ship.sailing(tmp_path / "whole", *names), action), share, SEED + 1)
    ):
        print(f"killed at {line}, moment {moment}")
        ship = Ship.sailing(tmp_path / str(number), *names)
        kill(ship, action, moment)
        survived(ship, {"1.0.1", "1.0.2"})
        ship.recover()
        ship.check_sound()
        ship.roll_back("1.0.1")
        ship.check_sound()
        assert ship.current == "1.0.1"


@posix
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("going_back", [False, True])
def test_a_recovery_killed_anywhere(tmp_path: Path, share: int, going_back: bool) -> None:
    """[A-30]: killing recovery and repeating it leads to the same end."""
    action = Action("recover")
    first = Ship.sailing(tmp_path / "first", "1.0.0")
    pending(first, lambda state: state.backing_out("sick") if going_back else state)
    shutil.copytree(tmp_path / "first", tmp_path / "whole", symlinks=True)
    found = moments(Ship(tmp_path / "whole"), action)
    for number, (moment, line) in enumerate(drawn(found, share, SEED + 2)):
        print(f"killed at {line}, moment {moment}")
        shutil.copytree(tmp_path / "first", tmp_path / str(number), symlinks=True)
        ship = Ship(tmp_path / str(number))
        kill(ship, action, moment)
        survived(ship, {"1.0.0", "1.0.1"})
        try:
            ship.recover()
        except RolledBack:
            assert going_back
        ship.check_sound()
        assert ship.current == ("1.0.0" if going_back else "1.0.1")


@posix
def test_a_removal_killed_anywhere(tmp_path: Path) -> None:
    """[A-33]"""
    action = Action("gc")
    for number in range(KILLS_A_SHARE + 1):
        ship = Ship.sailing(tmp_path / str(number), "1.0.0", "1.0.1", "1.0.2")
        ship.configure(extra="[retention]\nkeep = 0\n")
        if number == 0:
            chosen = drawn(moments(ship, action), 0, SEED + 3)
            continue
        moment, line = chosen[number - 1]
        print(f"killed at {line}, moment {moment}")
        kill(ship, action, moment)
        survived(ship, {"1.0.2"})
        assert scan(ship.site.tree("1.0.1")).tree_hash.hex() == shore().tree("1.0.1")
        ship.recover()
        ship.check_sound()
        action.run(ship.root)
        assert sorted(path.name for path in ship.site.versions.iterdir()) == ["1.0.1", "1.0.2"]


class TestWhatIsPending:
    """[A-30], by the table of section 4."""

    def test_nothing(self, ship: Ship) -> None:
        report = ship.recover()
        assert (report.outcome, report.reason) == ("nothing-to-do", "nothing was pending")
        assert ship.calls == [] and ship.runs[-1]["command"] == "recover"

    def test_nothing_at_an_empty_site(self, tmp_path: Path) -> None:
        assert Ship(tmp_path).recover().outcome == "nothing-to-do"

    @pytest.mark.parametrize("switched", [False, True])
    def test_an_intent_goes_forward_whether_current_had_moved_or_not(self, ship: Ship, switched: bool) -> None:
        pending(ship)
        if not switched:
            ship.point("versions/1.0.0")
        report = ship.recover()
        assert (report.outcome, report.from_version, report.to_version) == ("applied", "1.0.0", "1.0.1")
        assert ship.calls == ["restart 1.0.1 current=1.0.1", "health 1.0.1 current=1.0.1"]
        ship.check_sound()

    def test_one_that_has_failed_goes_back(self, ship: Ship) -> None:
        pending(ship, lambda state: state.backing_out("it was sick"))
        with pytest.raises(RolledBack, match=r"version 1\.0\.1 failed before; version 1\.0\.0 runs again"):
            ship.recover()
        assert ship.calls[-3:] == [
            "restore 1.0.0 current=1.0.0",
            "restart 1.0.0 current=1.0.0",
            "health 1.0.0 current=1.0.0",
        ]
        assert [q.reason for q in ship.state.quarantined] == ["it was sick"]
        ship.check_sound()

    def test_one_that_was_cut_short_three_times_goes_back(self, ship: Ship) -> None:
        """[A-24]"""
        ship.order("wait-health")
        with interrupted(ship):
            ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        for _ in range(MAX_ATTEMPTS - 1):
            with interrupted(ship):
                ship.recover()
        ship.relieve("wait-health")
        with pytest.raises(RolledBack, match=r"version 1\.0\.1 was cut short again and again, 3 of 3 attempts"):
            ship.recover()
        ship.check_sound()
        assert ship.current == "1.0.0"

    def test_one_that_is_a_day_old_goes_back(self, ship: Ship) -> None:
        """[A-24]: by the clock, or by the time floor where that is later [A-10]."""
        pending(ship)
        record = Record(ship.site)
        old = record.state.pending
        assert old
        import msgspec

        record.save(msgspec.structs.replace(record.state, time_floor=old.give_up_at))
        record.close()
        with pytest.raises(RolledBack, match="1 of 3 attempts"):
            ship.recover()
        ship.check_sound()

    def test_a_first_install_is_tried_for_ever(self, tmp_path: Path) -> None:
        """[A-24]"""
        ship = Ship(tmp_path)
        ship.order("fail-restart")
        with pytest.raises(Degraded):
            ship.apply(shore().bundle("1.0.0", 1))
        for _ in range(MAX_ATTEMPTS + 1):
            with pytest.raises(Degraded, match="no earlier version"):
                ship.recover()
        ship.relieve("fail-restart")
        assert ship.recover().to_version == "1.0.0"
        ship.check_sound()

    def test_an_update_ends_it_before_it_begins(self, ship: Ship) -> None:
        """[A-30]: a pending version that fails now is taken back, and the next release goes on."""
        pending(ship)
        ship.order("fail-restart-1.0.1")
        report = ship.apply(shore().bundle("1.0.2", 3, "1.0.0"))
        assert (report.outcome, report.from_version, report.to_version) == ("applied", "1.0.0", "1.0.2")
        assert [q.version for q in ship.state.quarantined] == ["1.0.1"]
        ship.check_sound()

    def test_unless_it_is_that_very_release(self, ship: Ship) -> None:
        """[A-30]"""
        pending(ship)
        ship.order("fail-restart-1.0.1")
        with pytest.raises(RolledBack):
            ship.apply(shore().bundle("1.0.1", 2, "1.0.0"))
        ship.check_sound()


class TestCurrent:
    """[A-31]"""

    @pytest.fixture
    def ship(self, tmp_path: Path) -> Ship:
        return Ship.sailing(tmp_path, "1.0.0", "1.0.1")

    def test_a_missing_one_is_made_anew(self, ship: Ship) -> None:
        ship.point(None)
        assert ship.recover().outcome == "nothing-to-do"
        assert ship.current == "1.0.1" and ship.calls == []

    def test_one_that_a_person_pointed_to_another_release_is_adopted(self, ship: Ship) -> None:
        ship.point("versions/1.0.0")
        report = ship.recover()
        assert report.to_version == "1.0.0" and ship.state.current_version == "1.0.0"
        assert ship.apply(shore().bundle("1.0.2", 3, "1.0.0")).from_version == "1.0.0"
        assert ship.current == "1.0.2"

    def test_the_release_that_was_left_behind_for_it_can_still_be_gone_back_to(self, ship: Ship) -> None:
        ship.point("versions/1.0.0")
        assert ship.roll_back("1.0.1").to_version == "1.0.1"

    @pytest.mark.parametrize("target", ["versions/strange", "versions/1.0.9", "/etc", "versions", "elsewhere"])
    def test_anything_else_is_refused(self, ship: Ship, target: str) -> None:
        (ship.site.versions / "strange").mkdir()
        ship.point(target)
        for run in (ship.recover, ship.roll_back, lambda: ship.apply(shore().bundle("1.0.2", 3, "1.0.1"))):
            with pytest.raises(SiteInvalid, match=r"current"):
                run()
        assert ship.pointed == (target if os.name == "posix" else str(ship.root / target))

    def test_a_release_of_this_site_whose_tree_is_gone(self, ship: Ship) -> None:
        shutil.rmtree(ship.site.tree("1.0.0"))
        ship.point("versions/1.0.0")
        with pytest.raises(SiteInvalid, match=r"points to 1\.0\.0, which unrep did not install; point it to 1\.0\.1"):
            ship.recover()

    def test_a_site_whose_record_is_lost_is_not_taken_for_an_empty_one(self, ship: Ship) -> None:
        shutil.rmtree(ship.site.private)
        before = ship.seen("versions", "current")
        with pytest.raises(SiteInvalid, match=r"current: points to 1\.0\.1, which unrep did not install"):
            ship.apply(shore().bundle("1.0.0", 1))
        assert ship.seen("versions", "current") == before


class TestAnEndThatCannotBeRecorded:
    """[A-23]: a trial is over, and the disk refuses to write that down: nothing else may begin before it is."""

    @pytest.fixture
    def ship(self, tmp_path: Path) -> Iterator[Ship]:
        ship = Ship.sailing(tmp_path, "1.0.0", "1.0.1")
        pending(ship, bundle=shore().bundle("1.0.2", 3, "1.0.1"))
        with closing(sqlite3.connect(ship.site.state_file)) as database:
            database.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON states WHEN NEW.document LIKE '%\"pending\":null%' "
                "BEGIN SELECT RAISE(ABORT, 'the disk is spoilt'); END"
            )
        yield ship
        assert ship.current == "1.0.2" and ship.state.condition == "pending"
        with closing(sqlite3.connect(ship.site.state_file)) as database:
            database.execute("DROP TRIGGER refuse")
        assert ship.recover().outcome == "applied"
        ship.check_sound()

    def test_no_update_begins(self, ship: Ship) -> None:
        with pytest.raises(Degraded, match=r"1\.0\.2 is healthy, which cannot be recorded: .* the disk is spoilt"):
            ship.apply(shore().bundle("1.0.3", 4))

    def test_no_rollback_begins(self, ship: Ship) -> None:
        with pytest.raises(Degraded, match=r"1\.0\.2 is healthy, which cannot be recorded: .* the disk is spoilt"):
            ship.roll_back("1.0.0")
