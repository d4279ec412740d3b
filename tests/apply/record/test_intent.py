"""The phases of a pending switch, and how the record stores them. spec/apply.md, section 4."""

import msgspec
import pytest

from apply.record.intent import Intent, Phase
from apply.record.release import Release
from apply.record.state import SiteState

NOW = 1_800_000_000
STORED = '"version":"1.0.1","run":"r","give_up_at":1800086400'


def release(seq: int) -> Release:
    return Release(version=f"1.0.{seq}", seq=seq, tree=f"tree{seq}", platform="any", bundle="b")


def begun(state: SiteState, new: Release) -> SiteState:
    return state.placed(new, NOW).begun("vms", new, "run", NOW)


FIRST = begun(SiteState(), release(1))
NEXT = begun(FIRST.attempted().committed(), release(2))
BACK = NEXT.attempted().backing_out("sick")


@pytest.mark.parametrize(
    ("state", "phase", "condition", "goes_back"),
    [
        (NEXT, Phase.INTENDED, "pending", False),
        (NEXT.attempted(), Phase.STARTED, "pending", False),
        (NEXT.attempted().attempted(), Phase.STARTED, "pending", False),
        (NEXT.backing_out("its switch failed"), Phase.GOING_BACK, "pending", True),
        (BACK, Phase.GOING_BACK, "pending", True),
        (BACK.troubled("both sick"), Phase.STUCK_GOING_BACK, "degraded", True),
        (FIRST.troubled("its switch failed"), Phase.STUCK, "degraded", False),
        (FIRST.attempted().troubled("sick"), Phase.STUCK, "degraded", False),
        (FIRST.attempted().troubled("sick").attempted(), Phase.STUCK, "degraded", False),
    ],
)
def test_where_each_transition_leads(state: SiteState, phase: Phase, condition: str, goes_back: bool) -> None:
    """[A-22], [A-23]"""
    assert state.pending and state.pending.phase is phase
    assert state.condition == condition and phase.goes_back is goes_back
    assert state.unfinished is (condition == "pending")


def test_a_stuck_switch_ends_as_one_that_is_not() -> None:
    """[A-23]: the old version healthy after all, or the first one."""
    assert BACK.troubled("both sick").settled().condition == "ok"
    assert FIRST.troubled("sick").attempted().committed().condition == "ok"


@pytest.mark.parametrize(
    ("stored", "phase"),
    [
        ("", Phase.INTENDED),
        (',"attempts":2', Phase.STARTED),
        (',"attempts":0,"going_back":true', Phase.GOING_BACK),
        (',"attempts":2,"going_back":true,"trouble":"both"', Phase.STUCK_GOING_BACK),
        (',"attempts":1,"going_back":false,"trouble":"sick"', Phase.STUCK),
    ],
)
def test_records_of_older_versions_are_read(stored: str, phase: Phase) -> None:
    """[A-7]: the fields are those that every unrep has written."""
    assert msgspec.json.decode(f"{{{STORED}{stored}}}", type=Intent).phase is phase


def test_the_stored_fields_stay() -> None:
    """[A-7]: an older unrep, put back aboard, reads them too."""
    assert BACK.pending
    assert list(msgspec.to_builtins(BACK.pending)) == [
        "version",
        "run",
        "give_up_at",
        "attempts",
        "out_since",
        "by_hand",
        "because",
        "data_saved",
        "going_back",
        "trouble",
    ]
