"""What of the agent's inbox the site still wants [A-61]."""

from pathlib import Path

import msgspec
import pytest

from apply.record.high_water import HighWater
from apply.record.release import Quarantine
from apply.record.state import SiteState
from tests.support.sites.site import Ship
from unrep.agent.inbox import Inbox, is_settled

NAMES = {
    "0-1-0123456789abcdef.unrep": (0, 1),
    "0-2-0123456789abcdef.unrep": (0, 2),
    "0-3-0123456789abcdef.unrep.part": (0, 3),
    "1-1-0123456789abcdef.unrep": (1, 1),
}


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def test_nothing_is_settled_where_nothing_was_ever_installed() -> None:
    assert not is_settled(SiteState(), (0, 0))


def test_what_is_settled(ship: Ship) -> None:
    state = ship.state
    assert [is_settled(state, mark) for mark in ((0, 0), (0, 1), (0, 2), (1, 0))] == [True, True, False, False]
    failed = msgspec.structs.replace(
        state, high_water=HighWater(0, 2, "ff"), quarantined=(Quarantine("1.0.1", "ff", 0, 2, "sick"),)
    )
    assert [is_settled(failed, (0, seq)) for seq in (1, 2, 3)] == [True, True, False]
    chosen_by_hand = msgspec.structs.replace(state, high_water=HighWater(0, 2, "ff"))
    assert [is_settled(chosen_by_hand, (0, seq)) for seq in (1, 2, 3)] == [True, False, False]


def test_complete_ones_the_newest_first_and_the_rest_goes(ship: Ship) -> None:
    inbox = Inbox(ship.site)
    inbox.open()
    inbox.open()
    for name in (*NAMES, "look.lock", "stray", "0-9-0123456789abcdeg.unrep"):
        (ship.site.inbox / name).write_bytes(b"")
    found = inbox.complete(ship.state)
    assert [NAMES[path.name] for path in found] == [(1, 1), (0, 2)]
    inbox.clear(ship.state)
    assert {path.name for path in ship.site.inbox.iterdir()} == set(NAMES) - {"0-1-0123456789abcdef.unrep"}
