"""What a heartbeat leaves on record, and which is refused. spec/trust.md, [R-15], [R-16], [R-19]."""

import time
from pathlib import Path

import pytest

from apply.heartbeat import receive_heartbeat
from apply.record.state import Replay, WrongProduct
from bundle.errors import InputError, Malformed, Untrusted
from bundle.trust.heartbeat import HEARTBEAT_FORMAT, MAX_HEARTBEAT_BYTES, Heartbeat, sign_heartbeat
from tests.support.contents.trust import NEXT
from tests.support.sites.site import Ship, shore

NONCE = bytes(range(8))


@pytest.fixture
def ship(tmp_path: Path) -> Ship:
    return Ship.sailing(tmp_path, "1.0.0")


def heartbeat(ship: Ship, seq: int = 7, at: int = 1_800_000_000, product: str = "vms", key: object = None) -> Path:
    beat = Heartbeat(HEARTBEAT_FORMAT, product, 0, seq, 0, 0, at, NONCE)
    path = ship.app / "heartbeat"
    path.write_bytes(sign_heartbeat(beat, key or shore().key))  # type: ignore[arg-type]
    return path


def receive(ship: Ship, path: Path, nonce: bytes | None = None, product: str = "") -> str:
    return receive_heartbeat(path, ship.root, shore().trust, nonce, product).reason


def test_what_shore_has_is_on_record(ship: Ship) -> None:
    """[R-16]: a release that somebody holds back on the way shows."""
    before = ship.state
    assert receive(ship, heartbeat(ship)) == "shore's newest release is seq 7, epoch 0; it has not come here yet"
    state = ship.state
    assert state.waiting and state.shore and (state.shore.seq, state.shore.time) == (7, 1_800_000_000)
    assert state.time_floor == state.heard_at == 1_800_000_000
    assert (state.releases, state.current_version) == (before.releases, before.current_version)
    assert ship.runs[-1]["command"] == "hear" and ship.runs[-1]["outcome"] == "nothing-to-do"


def test_nothing_is_missing_here(ship: Ship) -> None:
    assert receive(ship, heartbeat(ship, seq=1)).endswith("this site has had it") and not ship.state.waiting


def test_one_that_is_not_newer_than_the_last(ship: Ship) -> None:
    """[R-15]"""
    receive(ship, heartbeat(ship))
    with pytest.raises(Replay, match="not newer than the last one"):
        receive(ship, heartbeat(ship, seq=9))
    assert ship.state.shore and ship.state.shore.seq == 7


def test_a_time_in_the_far_future_counts_as_the_limit(ship: Ship) -> None:
    """[R-19]"""
    receive(ship, heartbeat(ship, at=2**52))
    assert ship.state.time_floor == shore().trust.speaks_until < time.time() + 101 * 366 * 86_400


def test_the_nonce_that_was_asked_for(ship: Ship) -> None:
    """[R-15]"""
    with pytest.raises(Untrusted, match="its nonce is 0001020304050607, not the one that was asked for"):
        receive(ship, heartbeat(ship), bytes(8))
    assert ship.state.shore is None
    receive(ship, heartbeat(ship), NONCE)


def test_another_product(ship: Ship) -> None:
    """[R-15], [A-91]"""
    with pytest.raises(WrongProduct):
        receive(ship, heartbeat(ship, product="ecdis"))
    with pytest.raises(WrongProduct, match="this site is for 'ecdis' alone"):
        receive(ship, heartbeat(ship), product="ecdis")
    assert ship.state.shore is None


def test_what_is_none_names_its_file(ship: Ship) -> None:
    with pytest.raises(Untrusted, match="heartbeat: "):
        receive(ship, heartbeat(ship, key=NEXT))
    path = ship.app / "long"
    path.write_bytes(bytes(MAX_HEARTBEAT_BYTES + 1))
    with pytest.raises(Malformed, match=r"long: heartbeat: 301 bytes"):
        receive(ship, path)
    with pytest.raises(InputError, match="nowhere: cannot be read"):
        receive(ship, ship.app / "nowhere")
